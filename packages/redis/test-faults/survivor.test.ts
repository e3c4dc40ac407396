import { startProgram, startProxy, startRedis, waitUntil } from '@cache/test-servers';
import { expect, test } from '@jest/globals';
import { administer } from './administrator.ts';
import { DEFAULT_SETTLED_LIMIT_MS } from './failures.ts';

interface Report {
  readonly rounds: number;
  readonly slowestMs: number;
  readonly counts: Readonly<Record<string, number>>;
}

/** The longest reconnect delay of a client as node-redis ships it is 2.2 s; the rest is room for a busy machine, on which the
 * default deadlines pass now and then without a fault. */
const RECOVERY_LIMIT_MS = 30_000;

/** What Node prints for the warning that stands in for a missing onError hook, and its hint after the first. */
const OUTAGE_WARNING =
  /^\(node:\d+\) \[ERR_CACHE_[A-Z_]+\] Warning: Cache "redis": \w+ failed\. Set hooks\.onError to handle it\.$/;
const HINT = /^\(Use `node --trace-warnings \.\.\.` to show where the warning was created\)$/;

test.each([
  ['RedisCache.connect', 'an onError hook', 'connect', 'listener'],
  ['RedisCache.connect', 'no hook', 'connect', 'silent'],
  ['a caller’s client', 'an onError hook and an error listener', 'wrap', 'listener'],
  ['a caller’s client', 'no hook and no listener', 'wrap', 'silent'],
])(
  'rows 19-28: a process with %s and %s lives through every fault in turn and ends by itself',
  async (_client, _heard, ...args) => {
    await using server = await startRedis();
    await using proxy = await startProxy(server.port);
    await using program = startProgram(
      new URL('./programs/survivor.ts', import.meta.url),
      proxy.urlFor(server.url),
      ...args,
    );
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
    const command = async (...words: string[]): Promise<unknown> => {
      await using admin = await administer(server);
      return await admin.send(...words);
    };
    const faults: Record<string, [strike: () => unknown, relent: () => unknown]> = {
      'kill -9': [() => server.kill(), () => server.restart()],
      'a freeze': [() => server.freeze(), () => server.resume()],
      'a swallowing network': [() => proxy.blackhole(), () => proxy.restore()],
      'lost replies': [() => proxy.dropReplies(), () => proxy.restore()],
      'cut connections': [() => proxy.cutAfterRequest(), () => proxy.restore()],
      'a refusing network': [() => proxy.refuse(), () => proxy.restore()],
      'no memory': [() => command('CONFIG', 'SET', 'maxmemory', '1'), () => command('CONFIG', 'SET', 'maxmemory', '0')],
      'being a replica': [() => command('REPLICAOF', '127.0.0.1', '1'), () => command('REPLICAOF', 'NO', 'ONE')],
      'a missing permission': [
        () => command('ACL', 'SETUSER', 'default', '-@read'),
        () => command('ACL', 'SETUSER', 'default', '+@all'),
      ],
    };

    await allSucceed('at first');
    for (const [fault, [strike, relent]] of Object.entries(faults)) {
      const before = await failed();
      await strike();
      await waitUntil(`Failures from ${fault}`, RECOVERY_LIMIT_MS, async () => (await failed()) > before);
      await relent();
      await allSucceed(`after ${fault}`);
    }
    proxy.reset();
    await allSucceed('after a reset');
    await command('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    await allSucceed('after its connection was killed');

    const { counts, slowestMs } = await report();
    expect(slowestMs).toBeLessThan(DEFAULT_SETTLED_LIMIT_MS);
    const known = /^(done|ERR_CACHE_(TIMEOUT|UNAVAILABLE|OPTION))$/;
    expect(Object.keys(counts).filter((code) => !known.test(code))).toEqual([]);
    const { code, signal, stderr } = await program.end();
    expect({ code, signal }).toEqual({ code: 0, signal: null });
    const lines = stderr.split('\n').filter((line) => line !== '' && !HINT.test(line));
    expect(lines.filter((line) => !OUTAGE_WARNING.test(line))).toEqual([]);
    if (args.includes('listener')) expect(lines).toEqual([]);
    else expect(lines.length).toBeGreaterThan(0);
  },
);
