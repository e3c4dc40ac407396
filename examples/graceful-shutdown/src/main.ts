/** `REDIS_URL=redis://localhost:6379 PORT=3000 npm start`; ends on SIGTERM and SIGINT. Without Redis it starts all the same. */
import { setTimeout as sleep } from 'node:timers/promises';
import { InMemoryCache } from '@cache/memory';
import { RedisCache } from '@cache/redis';
import { createCache } from '@cache/stack';
import { createService, type User } from './service.ts';
import { shutDown } from './shut-down.ts';

const l2 = await RedisCache.connect<User>(process.env['REDIS_URL'] ?? 'redis://localhost:6379', { prefix: 'users:' });
const cache = createCache<User>({
  l1: new InMemoryCache<User>({ maxSize: 1_000 }),
  l2,
  // A removal that Redis cannot be told of now counts as done: it is carried out before Redis is read again.
  onUnavailable: 'queue',
  hooks: {
    onBreaker: ({ state, queuedInvalidations }) =>
      console.error(`second level: ${state}, ${queuedInvalidations} removals wait`),
    onError: ({ error }) => console.error(`${error.operation}: ${error.code} ${error.message}`),
  },
});
const readiness = { isEnding: false };
const server = createService(cache, loadUser, readiness);

/** Where the truth is: a database, as a rule. */
async function loadUser(id: string): Promise<User> {
  await sleep(20);
  return { id, name: `User ${id}` };
}

server.listen(Number(process.env['PORT'] ?? 3000), '127.0.0.1', () => {
  const address = server.address();
  console.log(`listening on ${typeof address === 'object' ? address?.port : address}`);
});

let isAsked = false;
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.on(signal, () => {
    if (isAsked) return;
    isAsked = true;
    void shutDown({
      server,
      cache,
      closeLevels: () => l2.close(),
      readiness,
      noticeMs: Number(process.env['NOTICE_MS'] ?? 1_000),
      drainWithinMs: 2_000,
    }).then(() => console.log('ended'));
  });
}
