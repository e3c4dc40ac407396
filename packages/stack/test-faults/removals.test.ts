import { createCache, type StackCache } from '@cache/stack';
import {
  type Server,
  settle,
  startLateLink,
  startProgram,
  startProxy,
  type TcpProxy,
  waitUntil,
} from '@cache/test-servers';
import { describe, expect, test } from '@jest/globals';
import { BACKENDS, type Backend, backendOf, type OpenedLevel } from './backends.ts';

/** A deadline of a second, and room for a busy machine: a call that hangs is still pending long after. */
const SETTLED_LIMIT_MS = 5_000;
/** Two seconds are promised, and proven by manual time in test/circuit-breaker.test.ts; the rest is room for a busy machine. */
const RECOVERY_LIMIT_MS = 30_000;
const QUEUED = { code: 'ERR_CACHE_UNAVAILABLE', ambiguous: true, queued: true };
const REMOVER = new URL('./programs/remover.ts', import.meta.url);

/** What a process says of a hundred thousand calls. */
interface Flood {
  readonly refused: number;
  readonly queuedInvalidations: number;
  readonly grownBytes: number;
}

/** One process whose way to the server can be cut, another whose cannot. */
interface Scene {
  readonly server: Server;
  readonly proxy: TcpProxy;
  readonly cache: StackCache<string>;
  readonly other: OpenedLevel<string>;
}

async function scene(
  backend: Backend,
  run: (scene: Scene) => Promise<void>,
  options: { readonly maxQueuedInvalidations?: number } = {},
): Promise<void> {
  await using server = await backend.start();
  await using proxy = await startProxy(server.port);
  const [l2, other] = await Promise.all([
    backend.open<string>(proxy.urlFor(server.url)),
    backend.open<string>(server.url),
  ]);
  await using cache = createCache<string>({ l2, hooks: { onError: () => {} }, ...options });
  try {
    await run({ server, proxy, cache, other });
  } finally {
    await proxy.restore();
    await Promise.all([l2.close(), other.close()]);
  }
}

async function recovered(cache: StackCache<string>): Promise<void> {
  await waitUntil('The breaker closing', RECOVERY_LIMIT_MS, () => cache.breaker?.state === 'closed');
}

async function rejectionOf(call: Promise<unknown>): Promise<unknown> {
  const outcome = await settle(call, SETTLED_LIMIT_MS);
  if (outcome.state === 'fulfilled') throw new Error('The call succeeded.');
  return outcome.reason;
}

describe.each(BACKENDS)('over $backend', (backend) => {
  test('row 39: a removal made while the server is away is carried out before it is read again; another process sees the old value until then', async () => {
    await scene(backend, async ({ proxy, cache, other }) => {
      await cache.set('a', 'old');
      await cache.set('b', 'old', { tags: ['t'] });
      await proxy.refuse();
      expect(await rejectionOf(cache.removeItem('a'))).toMatchObject(QUEUED);
      expect(await rejectionOf(cache.invalidateTags(['t']))).toMatchObject(QUEUED);
      expect(await cache.get('a')).toBe(undefined);
      expect(await other.get('a')).toBe('old');
      expect(await cache.getOrSet('a', () => 'new')).toBe('new');
      await proxy.restore();
      await recovered(cache);
      for (const key of ['a', 'b'])
        expect([await other.get(key), await cache.get(key)]).toEqual([undefined, undefined]);
    });
  });

  test('row 39: a removal that timed out on a frozen server keeps it from being read at once', async () => {
    await scene(backend, async ({ server, cache }) => {
      await cache.set('a', 'old');
      await server.freeze();
      expect(await rejectionOf(cache.removeItem('a'))).toMatchObject(QUEUED);
      await server.resume();
      expect(await cache.getOrSet('a', () => 'new')).toBe('new');
      await recovered(cache);
      expect(await cache.get('a')).not.toBe('old');
    });
  });

  test('row 39: more removals than may be queued become one clear', async () => {
    await scene(
      backend,
      async ({ proxy, cache, other }) => {
        await cache.set('untouched', 'old');
        await cache.set('k1', 'old');
        await proxy.refuse();
        await Promise.all(Array.from({ length: 50 }, (_, index) => rejectionOf(cache.removeItem(`k${index}`))));
        expect(cache.breaker?.queuedInvalidations).toBeLessThanOrEqual(20);
        expect(cache.breaker?.queueOverflows).toBeGreaterThan(0);
        await proxy.restore();
        await recovered(cache);
        expect([await other.get('untouched'), await other.get('k1')]).toEqual([undefined, undefined]);
      },
      { maxQueuedInvalidations: 20 },
    );
  });

  test('row 56: a hundred thousand removals and sets while the server is away: each is refused, the queue and the heap stay bounded', async () => {
    await using server = await backend.start();
    await using proxy = await startProxy(server.port);
    await using program = startProgram(REMOVER, backend.backend, proxy.urlFor(server.url));
    await program.ask('set a');
    await proxy.refuse();
    expect(await program.ask('remove a')).toBe('queued');
    const flood = (await program.ask('flood')) as Flood;
    expect(flood.refused).toBe(100_000);
    expect(flood.queuedInvalidations).toBeLessThanOrEqual(10_000);
    expect(flood.grownBytes).toBeLessThan(20_000_000);
    await proxy.restore();
    await waitUntil('The breaker closing', RECOVERY_LIMIT_MS, async () => (await program.ask('state')) === 'closed');
    await program.ask('close 0');
    expect(await program.end()).toMatchObject({ code: 0, stderr: '' });
  });

  test('row 39: a process that is killed with a removal in its queue: others read the old value until it expires, as documented', async () => {
    await using server = await backend.start();
    await using proxy = await startProxy(server.port);
    const other = await backend.open<string>(server.url);
    try {
      {
        await using program = startProgram(REMOVER, backend.backend, proxy.urlFor(server.url));
        await program.ask('set a');
        await proxy.refuse();
        expect(await program.ask('remove a')).toBe('queued');
        expect(await program.ask('read a')).toBe(null);
      }
      await proxy.restore();
      expect(await other.get('a')).toBe('old');
      await waitUntil('Its end of life', 30_000, async () => (await other.get('a')) === undefined);
    } finally {
      await other.close();
    }
  });

  test('row 61: close() carries out what is queued if the server is back in time', async () => {
    await using server = await backend.start();
    await using proxy = await startProxy(server.port);
    const other = await backend.open<string>(server.url);
    try {
      await using program = startProgram(REMOVER, backend.backend, proxy.urlFor(server.url));
      await program.ask('set a');
      await proxy.refuse();
      expect(await program.ask('remove a')).toBe('queued');
      const closed = program.ask('close 10000');
      await proxy.restore();
      await closed;
      expect(await other.get('a')).toBe(undefined);
      expect(await program.end()).toMatchObject({ code: 0, stderr: '' });
    } finally {
      await other.close();
    }
  });

  test('row 61: close() over a frozen server with something queued ends in time, and the process by itself', async () => {
    await using server = await backend.start();
    await using program = startProgram(REMOVER, backend.backend, server.url);
    await program.ask('set a');
    await server.freeze();
    expect(await program.ask('remove a')).toBe('queued');
    expect(await program.ask('close 300')).toBeLessThan(SETTLED_LIMIT_MS);
    expect(await program.end()).toMatchObject({ code: 0, stderr: '' });
  });
});

describe.each([...BACKENDS, backendOf('postgres over yours')])('over $backend', (backend) => {
  test('row 23: a set that timed out on a slow link does not come back after the removal that took its place', async () => {
    await using server = await backend.start();
    await using link = await startLateLink(server.port);
    const address = new URL(server.url);
    address.port = `${link.port}`;
    const l2 = await backend.open<string>(address.href);
    try {
      await using cache = createCache<string>({ l2, hooks: { onError: () => {} } });
      await cache.set('a', 'first');
      link.holdRequests();
      await rejectionOf(cache.set('a', 'late'));
      expect(cache.breaker?.state).not.toBe('closed');
      link.dropClients();
      await recovered(cache);
      expect(await cache.get('a')).toBe(undefined);
      await link.deliverHeld();
      expect(await cache.get('a')).toBe(undefined);
    } finally {
      await l2.close();
    }
  });
});
