import { startProgram, startRedis } from '@cache/test-servers';
import { expect, test } from '@jest/globals';
import { administer } from './administrator.ts';

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
  await using server = await startRedis({ args: ['--requirepass', PASSWORD] });
  await using admin = await administer(server, PASSWORD);
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
  expect(await program.ask('control')).toEqual([true, true]);

  expect(codes(await ask('bad urls'))).toEqual(['ERR_CACHE_OPTION']);
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
  await admin.send('CONFIG', 'SET', 'maxmemory', '1');
  await everyWay('ERR_CACHE_UNAVAILABLE');
  await admin.send('CONFIG', 'SET', 'maxmemory', '0');
  await admin.send('ACL', 'SETUSER', 'default', '-@write', '-@scripting');
  await everyWay('ERR_CACHE_OPTION');
  await admin.send('ACL', 'SETUSER', 'default', '+@all');
  await server.freeze();
  await everyWay('ERR_CACHE_TIMEOUT', 'ERR_CACHE_UNAVAILABLE');
  await server.kill();
  await everyWay('ERR_CACHE_TIMEOUT', 'ERR_CACHE_UNAVAILABLE');
  expect(codes(await ask('closed'))).toEqual(['ERR_CACHE_CLOSED']);

  const { code, stderr } = await program.end();
  expect(code).toBe(0);
  expect(stderr).toMatch(/ERR_CACHE_/);
  expect(tracesIn(stderr)).toEqual([]);
});
