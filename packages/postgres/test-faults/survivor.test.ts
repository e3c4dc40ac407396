import { startProgram, startProxy, waitUntil } from '@cache/test-servers';
import { expect, test } from '@jest/globals';
import { DEFAULT_SETTLED_LIMIT_MS } from './failures.ts';
import { startMigrated } from './migrated-server.ts';

interface Report {
  readonly rounds: number;
  readonly slowestMs: number;
  readonly counts: Readonly<Record<string, number>>;
}

const RECOVERY_LIMIT_MS = 30_000;

/** What Node prints for the warning that stands in for a missing onError hook, and its hint after the first. */
const OUTAGE_WARNING =
  /^\(node:\d+\) \[ERR_CACHE_[A-Z_]+\] Warning: Cache "postgres": \w+ failed\. Set hooks\.onError to handle it\.$/;
const HINT = /^\(Use `node --trace-warnings \.\.\.` to show where the warning was created\)$/;

test.each([
  ['DatabaseCache.connect', 'an onError hook', 'connect', 'listener'],
  ['DatabaseCache.connect', 'no hook', 'connect', 'silent'],
  ['a caller’s pool', 'no hook', 'wrap', 'silent'],
])(
  'rows 19-35: a process with %s and %s lives through every fault in turn and ends by itself',
  async (_pool, _heard, ...args) => {
    await using migrated = await startMigrated();
    const { server, admin } = migrated;
    await using proxy = await startProxy(server.port);
    await admin.run(`CREATE ROLE app LOGIN; GRANT ALL ON ALL TABLES IN SCHEMA public TO app;
      GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO app; GRANT USAGE ON SCHEMA public TO app`);
    const url = proxy.urlFor(server.url).replace('postgres@', 'app@');
    await using program = startProgram(new URL('./programs/survivor.ts', import.meta.url), url, ...args);
    const report = async (): Promise<Report> => (await program.ask('report')) as Report;
    const failed = async (): Promise<number> => {
      const { counts } = await report();
      return Object.entries(counts).reduce((sum, [code, count]) => (code === 'done' ? sum : sum + count), 0);
    };
    const allSucceed = async (when: string): Promise<void> => {
      const { rounds } = await report();
      await waitUntil(
        `Every call succeeding ${when}`,
        RECOVERY_LIMIT_MS,
        async () => (await report()).rounds > rounds + 1,
      );
    };
    const terminate = (): Promise<unknown> =>
      admin.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'app'");
    // One after the other: a connection that is made before the change is committed keeps what was.
    const readOnly = async (change: string): Promise<void> => {
      await admin.run(`ALTER ROLE app ${change}`);
      await terminate();
    };
    const faults: Record<string, [strike: () => unknown, relent: () => unknown]> = {
      'kill -9': [() => server.kill(), () => server.restart()],
      'a freeze': [() => server.freeze(), () => server.resume()],
      'a swallowing network': [() => proxy.blackhole(), () => proxy.restore()],
      'lost replies': [() => proxy.dropReplies(), () => proxy.restore()],
      'cut connections': [() => proxy.cutAfterRequest(), () => proxy.restore()],
      'a refusing network': [() => proxy.refuse(), () => proxy.restore()],
      'a missing grant': [
        () => admin.run('REVOKE ALL ON cache FROM app'),
        () => admin.run('GRANT ALL ON cache TO app'),
      ],
      'a missing table': [
        () => admin.run('ALTER TABLE cache RENAME TO elsewhere'),
        () => admin.run('ALTER TABLE elsewhere RENAME TO cache'),
      ],
      'a read-only server': [
        () => readOnly('SET default_transaction_read_only = on'),
        () => readOnly('RESET default_transaction_read_only'),
      ],
      'a locked table': [
        () => admin.run('BEGIN; LOCK TABLE cache IN ACCESS EXCLUSIVE MODE'),
        () => admin.run('ROLLBACK'),
      ],
    };

    await allSucceed('at first');
    for (const [fault, [strike, relent]] of Object.entries(faults)) {
      const before = await failed();
      await waitUntil('The administrator', 30_000, async () => (await admin.valueOf('SELECT 1')) === 1);
      await strike();
      await waitUntil(`Failures from ${fault}`, RECOVERY_LIMIT_MS, async () => (await failed()) > before);
      await relent();
      await allSucceed(`after ${fault}`);
    }
    proxy.reset();
    await allSucceed('after a reset');
    await terminate();
    await allSucceed('after its server processes were terminated');
    await server.restart();
    await allSucceed('after a restart');

    const { counts, slowestMs } = await report();
    expect(slowestMs).toBeLessThan(2 * DEFAULT_SETTLED_LIMIT_MS);
    // On a pool that is shared, what postgres.js mixes up while connections come and go is thrown away by this name.
    const own = /^(done|ERR_CACHE_(TIMEOUT|UNAVAILABLE|OPTION))$/;
    const known = args.includes('wrap') ? /^(done|ERR_CACHE_(TIMEOUT|UNAVAILABLE|OPTION|CORRUPTION))$/ : own;
    expect(Object.keys(counts).filter((code) => !known.test(code))).toEqual([]);
    const { code, signal, stderr } = await program.end();
    expect({ code, signal }).toEqual({ code: 0, signal: null });
    const lines = stderr.split('\n').filter((line) => line !== '' && !HINT.test(line));
    expect(lines.filter((line) => !OUTAGE_WARNING.test(line))).toEqual([]);
    if (args.includes('listener')) expect(lines).toEqual([]);
    else expect(lines.length).toBeGreaterThan(0);
  },
  300_000,
);
