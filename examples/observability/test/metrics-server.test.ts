import { redisUrl, uniqueName } from '@cache/test-servers';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { type MetricsServer, startMetricsServer } from '../src/metrics-server.ts';
import { type ObservedCache, openObservedCache } from '../src/observed-cache.ts';

let observed: ObservedCache;
let server: MetricsServer;
let loads: string[];
beforeEach(async () => {
  loads = [];
  observed = await openObservedCache(redisUrl(), `${uniqueName('shop')}:`, () => {});
  server = await startMetricsServer(observed, async (id) => {
    loads.push(id);
    if (id === 'broken') throw new Error('an inner matter');
    return id === 'nobody' ? undefined : { name: `User ${id}` };
  });
});
afterEach(async () => {
  await server[Symbol.asyncDispose]();
  await observed.cache.clear();
  await observed[Symbol.asyncDispose]();
});

const ask = (path: string): Promise<Response> => fetch(server.url + path);

test('users come from the cache, and what it did is to be scraped', async () => {
  for (let request = 0; request < 3; request += 1) {
    expect(await (await ask('/users/1')).json()).toEqual({ name: 'User 1' });
  }
  expect(loads).toEqual(['1']);
  const answer = await ask('/metrics');
  expect(answer.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
  const text = await answer.text();
  for (const line of [
    'cache_reads_total{cache="users",backend="stack",level="l1",result="hit",group="user"} 2',
    'cache_reads_total{cache="users",backend="stack",result="miss",group="user"} 1',
    'cache_load_duration_seconds_count{cache="users",backend="stack",outcome="done"} 1',
    'cache_items{cache="users",backend="memory"} 1',
  ]) {
    expect(text.split('\n')).toContain(line);
  }
  expect(text).toContain('backend="redis"');
  expect(text).not.toContain('user:1');
});

test('people get a table with the stack and each of its levels', async () => {
  await ask('/users/1');
  await ask('/users/1');
  const table = await (await ask('/statistics')).text();
  expect(table).toContain('users (stack) · hit ratio 50.0 % (1 of 2) · of all reads l1 50.0 %, l2 0.0 %');
  expect(table).toMatch(/^users \(memory\) .* 1 items$/m);
  expect(table).toMatch(/^users \(redis\)/m);
  expect(table).toMatch(/^ {2}operation +calls +mean ms +p50 ms +p99 ms +max ms$/m);
});

test.each([
  ['/users/nobody', 404],
  ['/users/../etc', 404],
  ['/nothing', 404],
  ['/users/broken', 500],
])('%s is answered with %i, without what went on inside', async (path, status) => {
  const answer = await ask(path);
  expect(answer.status).toBe(status);
  expect(await answer.text()).not.toContain('inner');
  expect((await ask('/users/1')).status).toBe(200);
});
