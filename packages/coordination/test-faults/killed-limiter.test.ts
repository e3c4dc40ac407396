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
      await waitUntil('Hits', 30_000, async () => ((await program.ask('hits')) as number) >= enough);
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

  test('row 53, control: one that counts and then expires leaves such a counter when it is killed in between', async () => {
    await using program = startProgram(OWNER, backend, server.url);
    await program.ask('countWithoutExpiring');
    process.kill((await program.ask('pid')) as number, 'SIGKILL');
    expect(await cache.getTtl('naive')).toBeNull();
  });
});
