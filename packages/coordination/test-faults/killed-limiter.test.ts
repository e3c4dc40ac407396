import { type Server, startProgram, waitUntil } from '@cache/test-servers';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { BACKEND_NAMES, openCache, type ServerCache, startServer } from './backends.ts';

const OWNER = new URL('./programs/owner.ts', import.meta.url);
const ROUNDS = 8;

describe.each(BACKEND_NAMES)('over %s', (backend) => {
  let server: Server;
  let cache: ServerCache;

  beforeAll(async () => {
    server = await startServer(backend);
    cache = await openCache(backend, server.url);
  });
  afterAll(async () => {
    await cache.close();
    await server.close();
  });

  test('row 53: processes killed in the middle of counting leave no counter that lives for ever', async () => {
    for (let round = 0; round < ROUNDS; round += 1) {
      await using program = startProgram(OWNER, backend, server.url);
      await program.ask('hit');
      const enough = 20 + 13 * round;
      await waitUntil('Hits', 60_000, async () => ((await program.ask('hits')) as number) >= enough);
      process.kill((await program.ask('pid')) as number, 'SIGKILL');
    }
    let counters = 0;
    for await (const key of cache.keys('rate-limit:')) {
      const ttl = await cache.getTtl(key);
      if (ttl !== undefined) expect(ttl).toBeGreaterThan(0);
      counters += 1;
    }
    expect(counters).toBeGreaterThan(10);
  });

  test('row 53: four processes with 250 hits each, at once, are allowed exactly 100 together', async () => {
    await using first = startProgram(OWNER, backend, server.url);
    await using second = startProgram(OWNER, backend, server.url);
    await using third = startProgram(OWNER, backend, server.url);
    await using fourth = startProgram(OWNER, backend, server.url);
    const programs = [first, second, third, fourth];
    await Promise.all(programs.map((program) => program.ask('pid')));
    const counts = await Promise.all(programs.map(async (program) => (await program.ask('hitAtOnce')) as number[]));
    const sum = (index: number): number => counts.reduce((total, each) => total + (each[index] as number), 0);
    expect([sum(0), sum(1)]).toEqual([100, 100]);
  });

  test('row 53, control: one that counts and then expires leaves such a counter when it is killed in between', async () => {
    await using program = startProgram(OWNER, backend, server.url);
    await program.ask('countWithoutExpiring');
    process.kill((await program.ask('pid')) as number, 'SIGKILL');
    expect(await cache.getTtl('naive')).toBeNull();
  });
});
