import type { InvalidationBus } from '@cache/core';
import { InMemoryCache } from '@cache/memory';
import { postgresBus } from '@cache/postgres';
import { redisBus } from '@cache/redis';
import { createCache, systemTimers } from '@cache/stack';
import { startLoad, startProxy, waitUntil } from '@cache/test-servers';
import { expect, test } from '@jest/globals';
import postgres from 'postgres';
import { createClient } from 'redis';
import { BACKENDS, type Backend, backendOf } from './backends.ts';

const LIMIT_MS = 30_000;
/** Far longer than a test takes; only `passBound` passes it. */
const BOUND_IN_SECONDS = 600;

/** A bus over a connection of its own, which goes with it. */
interface OwnBus extends AsyncDisposable {
  readonly bus: InvalidationBus;
}

async function overRedis(url: string): Promise<OwnBus> {
  // Of this address every connection made anew is the bus's.
  const client = createClient({ url, socket: { reconnectStrategy: false } });
  client.on('error', () => {});
  await client.connect();
  const bus = redisBus(client);
  return {
    bus,
    async [Symbol.asyncDispose]() {
      await bus.close();
      if (client.isOpen) client.destroy();
    },
  };
}

async function overPostgres(url: string): Promise<OwnBus> {
  const sql = postgres(url, { max: 1, connect_timeout: 2, onnotice: () => {} });
  const bus = postgresBus(sql);
  return {
    bus,
    async [Symbol.asyncDispose]() {
      await bus.close();
      await sql.end({ timeout: 0 });
    },
  };
}

/** A first level over a server that has been under load, and is killed now; the source changed just before, and told nobody. */
interface Scene {
  readonly breaker: () => string | undefined;
  /** How often callers were answered so, of those who asked within the bound, and beyond it. */
  answers(when: 'within the bound' | 'beyond the bound', value: 'before' | 'after'): number;
  /** How often its bus has connected, or tried to. */
  readonly busConnections: () => number;
  /** Lets as much time pass as the first level is believed without word from others. */
  passBound(): void;
}

async function afterKill(
  { start, open }: Backend,
  openBus: ((url: string) => Promise<OwnBus>) | undefined,
  look: (scene: Scene) => Promise<void>,
): Promise<void> {
  await using server = await start();
  const level = await open<string>(server.url);
  await using proxy = await startProxy(server.port);
  await using own = await openBus?.(proxy.urlFor(server.url));
  const bus = own?.bus;
  let aheadMs = 0;
  const now = (): number => systemTimers.now() + aheadMs;
  const cache = createCache<string>({
    l1: new InMemoryCache<string>({ clock: { now } }),
    l2: level,
    ...(bus && { bus }),
    timers: { ...systemTimers, now },
    maxL1StalenessInSeconds: BOUND_IN_SECONDS,
    maxL1ExpirationInSeconds: 10 * BOUND_IN_SECONDS,
    hooks: { onError: () => {} },
  });
  let source: 'before' | 'after' = 'before';
  const read = () => cache.getOrSetEntry('k', () => source, 36_000);
  try {
    await waitUntil('The bus being live', LIMIT_MS, () => bus === undefined || bus.liveAtMs !== undefined);
    await waitUntil('A copy in the first level', LIMIT_MS, async () => (await read())?.source === 'l1');
    const answers = new Map<string, number>();
    const load = startLoad(5, async () => {
      const when = aheadMs === 0 ? 'within the bound' : 'beyond the bound';
      const answer = `${when}: ${(await read())?.value}`;
      answers.set(answer, (answers.get(answer) ?? 0) + 1);
    });
    // Reads that no first level answers: they find the server out.
    const misses = startLoad(1, async () => void (await cache.get('nobody has this')));
    await waitUntil('Hits', LIMIT_MS, () => (answers.get('within the bound: before') ?? 0) > 100);
    // From here on a load shows: what is answered as before was kept.
    source = 'after';
    await server.kill();
    await look({
      breaker: () => cache.breaker?.state,
      answers: (when, value) => answers.get(`${when}: ${value}`) ?? 0,
      busConnections: () => proxy.accepted,
      passBound() {
        aheadMs = BOUND_IN_SECONDS * 1_000;
      },
    });
    await Promise.all([load.stop(), misses.stop()]);
    expect([...load.failures, ...misses.failures]).toEqual([]);
  } finally {
    await cache.close();
    await level.close();
  }
}

const withoutBus = BACKENDS.map((backend) => ({ backend, bus: 'without a bus', openBus: undefined }));
const withBus = [
  { backend: backendOf('redis'), bus: 'with its bus', openBus: overRedis },
  { backend: backendOf('postgres'), bus: 'with its bus', openBus: overPostgres },
];

test.each([...withoutBus, ...withBus])(
  'row 20: $backend.backend $bus, killed under load: the first level answers on until its bound, and never after',
  async ({ backend, openBus }) => {
    await afterKill(backend, openBus, async ({ breaker, busConnections, answers, passBound }) => {
      const connections = busConnections();
      await waitUntil('The breaker opening', LIMIT_MS, () => breaker() !== 'closed');
      const hasNoticed = () => openBus === undefined || busConnections() > connections + 1;
      await waitUntil('The bus trying to connect again', LIMIT_MS, hasNoticed);
      const hits = answers('within the bound', 'before');
      await waitUntil('Hits without a server', LIMIT_MS, () => answers('within the bound', 'before') > hits + 500);
      expect(answers('within the bound', 'after')).toBe(0);
      passBound();
      await waitUntil('Answers beyond it', LIMIT_MS, () => answers('beyond the bound', 'after') > 100);
      expect(answers('beyond the bound', 'before')).toBe(0);
    });
  },
);
