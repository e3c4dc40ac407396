import { startProgram } from '@cache/test-servers';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type MigratedServer, startMigrated } from './migrated-server.ts';

let migrated: MigratedServer;

beforeAll(async () => {
  migrated = await startMigrated();
});

afterAll(async () => {
  await migrated[Symbol.asyncDispose]();
});

interface Flood {
  readonly counts: Readonly<Record<string, number>>;
  /** What the heap held more than before, while the last sets were waiting. */
  readonly grownBytes: number;
  /** The same once all had settled. */
  readonly keptBytes: number;
}

test.each([
  ['DatabaseCache.connect', 'killed', 'connect'],
  ['DatabaseCache.connect', 'frozen', 'connect'],
  ['a caller’s pool', 'killed', 'wrap'],
  ['a caller’s pool', 'frozen', 'wrap'],
])(
  'row 56: 100,000 sets, pool %s, server %s: each rejects, memory stays bounded, and the cache goes on afterwards',
  async (_, away, how) => {
    const { server } = migrated;
    await using program = startProgram(new URL('./programs/set-while-down.ts', import.meta.url), server.url, how);
    await program.ask('set');
    await (away === 'killed' ? server.kill() : server.freeze());

    const { counts, grownBytes, keptBytes } = (await program.ask('flood')) as Flood;
    expect(Object.values(counts).reduce((sum, count) => sum + count, 0)).toBe(100_000);
    expect(Object.keys(counts).filter((code) => !/^ERR_CACHE_(TIMEOUT|UNAVAILABLE)$/.test(code))).toEqual([]);
    expect(counts['ERR_CACHE_UNAVAILABLE']).toBeGreaterThan(50_000);
    expect(grownBytes).toBeLessThan(20_000_000);
    expect(keptBytes).toBeLessThan(20_000_000);

    await (away === 'killed' ? server.restart() : server.resume());
    expect(await program.ask('set')).toBe('done');
    expect(await program.end()).toMatchObject({ code: 0, stderr: '' });
  },
);
