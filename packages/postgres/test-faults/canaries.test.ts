import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startProgram, waitUntil } from '@cache/test-servers';
import { expect, test } from '@jest/globals';
import { startMigrated } from './migrated-server.ts';

const PASSWORD = 'CanaryInThePassword7f3a';
const VALUE = 'CanaryInTheValue91c4';

/** The canaries, and forms that encoders give them. */
const TRACES = [PASSWORD, VALUE].flatMap((canary) => [
  canary,
  Buffer.from(canary).toString('base64').slice(0, 20),
  Buffer.from(canary).toString('hex'),
  [...Buffer.from(canary.slice(0, 8))].join(', '),
]);

function tracesIn(text: string): string[] {
  return TRACES.filter((trace) => text.includes(trace));
}

test('row 65: no error, event or warning shows a value, a password or a URL, however it is looked at', async () => {
  await using migrated = await startMigrated();
  const { server, admin } = migrated;
  await admin.run(`CREATE ROLE app LOGIN PASSWORD '${PASSWORD}'; GRANT ALL ON ALL TABLES IN SCHEMA public TO app;
    GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO app; GRANT ALL ON SCHEMA public TO app`);
  const rules = ['host all app 127.0.0.1/32 scram-sha-256', 'host all all 127.0.0.1/32 trust'];
  writeFileSync(join(server.folder, 'data', 'pg_hba.conf'), `${rules.join('\n')}\n`);
  await admin.run('SELECT pg_reload_conf()');
  await using program = startProgram(
    new URL('./programs/canaries.ts', import.meta.url),
    `${server.port}`,
    PASSWORD,
    VALUE,
  );
  const ask = async (question: string): Promise<Record<string, string>> => {
    const outcomes = (await program.ask(question)) as Record<string, string>;
    const seen = (await program.ask('seen')) as string[];
    for (const text of seen) expect({ question, traces: tracesIn(text), text }).toEqual({ question, traces: [], text });
    expect(seen.join('')).not.toContain(`127.0.0.1:${server.port}`);
    return outcomes;
  };
  const codes = (outcomes: Record<string, string>): string[] => [...new Set(Object.values(outcomes))].sort();
  expect(await program.ask('control')).toEqual([true, true, true]);

  await waitUntil('The rules', 30_000, async () => codes(await ask('bad urls')).join() === 'ERR_CACHE_OPTION');
  const values = await ask('bad values');
  expect(values['a deserializer that throws']).toBe('done');
  delete values['a deserializer that throws'];
  expect(codes(values)).toEqual(['ERR_CACHE_VALUE']);
  const entries = await ask('bad entries');
  expect(codes(entries).filter((code) => !/^(done|ERR_CACHE_(VALUE|CORRUPTION))$/.test(code))).toEqual([]);
  expect(entries['increment']).toBe('ERR_CACHE_VALUE');

  const everyWay = async (...allowed: string[]): Promise<void> => {
    for (const question of ['fail all', 'fail all without hooks']) {
      const outcomes = await ask(question);
      expect(Object.values(outcomes).filter((code) => !['done', ...allowed].includes(code))).toEqual([]);
      expect(outcomes['set']).not.toBe('done');
    }
  };
  await admin.run('ALTER TABLE cache ADD CONSTRAINT nothing CHECK (value IS NULL AND payload IS NULL) NOT VALID');
  await everyWay('ERR_CACHE_VALUE');
  await admin.run('ALTER TABLE cache DROP CONSTRAINT nothing');
  await admin.run(`CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN RAISE EXCEPTION ''refused: % %'', NEW.plain_key, NEW.value; END';
    CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON cache FOR EACH ROW EXECUTE FUNCTION refuse()`);
  await everyWay('ERR_CACHE_UNAVAILABLE', 'ERR_CACHE_OPTION');
  await admin.run('DROP TRIGGER refuse ON cache');
  await admin.run('REVOKE ALL ON cache FROM app');
  await everyWay('ERR_CACHE_OPTION');
  await admin.run('GRANT ALL ON cache TO app');
  await admin.run('ALTER TABLE cache RENAME TO elsewhere');
  await everyWay('ERR_CACHE_OPTION');
  await admin.run('ALTER TABLE elsewhere RENAME TO cache');
  await server.freeze();
  await everyWay('ERR_CACHE_TIMEOUT', 'ERR_CACHE_UNAVAILABLE');
  await server.resume();
  await server.kill();
  await everyWay('ERR_CACHE_TIMEOUT', 'ERR_CACHE_UNAVAILABLE');
  expect(codes(await ask('closed'))).toEqual(['ERR_CACHE_CLOSED']);

  const { code, stderr } = await program.end();
  expect(code).toBe(0);
  expect(stderr).toMatch(/ERR_CACHE_/);
  expect(tracesIn(stderr)).toEqual([]);
});
