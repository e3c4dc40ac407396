import { type CacheHooks, CacheUnavailableError } from '@cache/core';
import type { SharedCache, StackCache, StackOptions } from '@cache/stack';
import { createCache } from '@cache/stack';
import { describe, expect, it } from '@jest/globals';
import { World } from './processes.ts';
import { type Gate, gate } from './recording-store.ts';
import { UnreliableLevel } from './unreliable-level.ts';

/*
 * Invariant, with onRestart: 'clear': from the moment at which this process could notice a restart (a call of its own failed, a
 * connection was made anew, the bus had a gap) nothing is read of the second level until its server has said who it is, and, if
 * it is another one, until everything there is cleared.
 *
 * The order that breaks it: k is removed, acknowledged; the server is restarted from a snapshot in which k still is; one call
 * fails; the next one reads k.
 */

/** A server with a snapshot that it comes back with, and connections that end with it. */
class RestartableServer {
  readonly world = new World();
  readonly level: UnreliableLevel;
  readonly errors: string[] = [];
  identity = 'first';
  /** Not told where the cache has no such number. */
  connectionEpoch: number | undefined;
  #snapshot: readonly (readonly [string, string | number])[] = [];
  #asks = 0;
  #held: { readonly which: number; readonly opened: Promise<void> } | undefined;

  constructor() {
    const identified = new Proxy(this.world.shared, {
      get: (target, name) => {
        if (name === 'connectionEpoch') return this.connectionEpoch;
        if (name === 'serverIdentity') return () => this.#sayWho();
        return Reflect.get(target, name, target);
      },
    });
    this.level = new UnreliableLevel(identified, this.world.timers);
  }

  process(options: Partial<StackOptions> = {}): StackCache {
    const hooks: CacheHooks = { onError: ({ error }) => void this.errors.push(error.message) };
    return this.world.process({ l2: this.level.cache, hooks, onRestart: 'clear', ...options });
  }

  /** From now on this is what it comes back with. */
  save(...items: readonly (readonly [string, string | number])[]): void {
    this.#snapshot = items;
  }

  /** Holds back what it says when it is asked for the nth time. */
  holdAnswer(which: number): Gate {
    const held = gate();
    this.#held = { which, opened: held.opened };
    return held;
  }

  async #sayWho(): Promise<string> {
    const { identity } = this;
    this.#asks += 1;
    if (this.#asks === this.#held?.which) await this.#held.opened;
    return identity;
  }

  restart(as = `${this.identity}+`): void {
    this.identity = as;
    this.world.store.clear();
    for (const [key, value] of this.#snapshot) this.world.store.set(key, value);
  }

  /** The process has removed what the server then comes back with. */
  async loseRemoval(cache: StackCache): Promise<void> {
    this.save(['k', 'removed'], ['other', 'old'], ['n', 5]);
    await cache.set('k', 'removed');
    await cache.removeItem('k');
    this.restart();
  }

  /** One call that nobody answers. */
  async fail(cache: StackCache): Promise<void> {
    this.level.become('refusing');
    await cache.get('unread');
    this.level.become('up');
  }
}

/** The names of the calls that reached the server. */
function since(level: UnreliableLevel, count: number): string[] {
  return level.asked.slice(count);
}

describe('row 25: a server that comes back with an older snapshot', () => {
  it('control: brings back what was removed, with onRestart: "trust", which is the default', async () => {
    for (const options of [{}, { onRestart: 'trust' as const }]) {
      const server = new RestartableServer();
      const cache = createCache({ l2: server.level.cache, timers: server.world.timers, ...options });
      await server.loseRemoval(cache);
      await server.fail(cache);
      expect(await cache.get('k')).toBe('removed');
      expect(server.level.asked).not.toContain('serverIdentity');
    }
  });

  it('is cleared before it is read again once a single call has failed', async () => {
    const server = new RestartableServer();
    const cache = server.process();
    await server.loseRemoval(cache);
    await server.fail(cache);
    const { length } = server.level.asked;
    expect(await cache.get('k')).toBe(undefined);
    expect(await cache.getOrSet('k', () => 'loaded')).toBe('loaded');
    expect(cache.breaker).toMatchObject({ state: 'open', queuedInvalidations: 1 });
    await server.world.timers.advance(1_000);
    expect(since(server.level, length)).toEqual([
      'serverIdentity',
      'exists',
      'serverIdentity',
      'clear',
      'serverIdentity',
    ]);
    expect(cache.breaker).toMatchObject({ state: 'closed', queuedInvalidations: 0 });
    expect([await cache.get('k'), await cache.get('other')]).toEqual([undefined, undefined]);
  });

  it('is cleared before it is read again after an outage', async () => {
    const server = new RestartableServer();
    const cache = server.process();
    await server.loseRemoval(cache);
    server.level.become('refusing');
    for (let call = 0; call < 5; call += 1) await cache.get(`unread-${call}`);
    expect(cache.breaker?.state).toBe('open');
    server.level.become('up');
    const { length } = server.level.asked;
    await server.world.timers.advance(1_000);
    expect(since(server.level, length)).toEqual(['exists', 'serverIdentity', 'clear', 'serverIdentity']);
    expect(await cache.get('k')).toBe(undefined);
  });

  it('is cleared before it is read again if only a connection was made anew', async () => {
    const server = new RestartableServer();
    server.connectionEpoch = 1;
    const cache = server.process();
    await server.loseRemoval(cache);
    server.connectionEpoch = 2;
    expect(await cache.get('k')).toBe(undefined);
    await server.world.timers.advance(1_000);
    expect(server.world.store.itemsCount).toBe(0);
  });

  it('is not believed what it answered if the connection was made anew during the call', async () => {
    const server = new RestartableServer();
    server.connectionEpoch = 1;
    const cache = server.process();
    await server.loseRemoval(cache);
    server.level.onCall = (name) => {
      if (name !== 'serverIdentity') server.connectionEpoch = 2;
    };
    expect(await cache.get('k')).toBe(undefined);
    expect(await cache.getOrSet('k', () => 'loaded')).toBe('loaded');
    await server.world.timers.advance(1_000);
    expect(server.world.store.itemsCount).toBe(0);
  });

  it('is cleared before it is read again after a gap of the bus', async () => {
    const server = new RestartableServer();
    const cache = server.process();
    await server.loseRemoval(cache);
    server.world.buses[0]?.reconnect();
    expect(await cache.get('k')).toBe(undefined);
    await server.world.timers.advance(1_000);
    expect(server.world.store.itemsCount).toBe(0);
  });

  it('cannot be noticed by a process that nothing told of it, as documented', async () => {
    const server = new RestartableServer();
    const cache = server.process();
    await server.loseRemoval(cache);
    expect(await cache.get('k')).toBe('removed');
    // What it read so is forgotten near as soon as it notices.
    await server.fail(cache);
    await cache.get('elsewhere');
    expect(await cache.get('k')).toBe(undefined);
  });

  it('is cleared for the first levels of other processes too', async () => {
    const server = new RestartableServer();
    const cache = server.process();
    await server.loseRemoval(cache);
    const near = server.world.process();
    expect(await near.get('k')).toBe('removed');
    await server.fail(cache);
    await cache.get('k');
    await server.world.timers.advance(1_000);
    expect(await near.get('k')).toBe(undefined);
  });

  it('is not trusted again before the clear is acknowledged, however often that fails', async () => {
    const server = new RestartableServer();
    const cache = server.process();
    await server.loseRemoval(cache);
    await server.fail(cache);
    server.level.onCall = (name) => server.level.become(name === 'clear' ? 'refusing' : 'up');
    await cache.get('k');
    await server.world.timers.advance(10_000);
    expect(server.level.asked.filter((name) => name === 'clear').length).toBeGreaterThan(4);
    expect(cache.breaker).toMatchObject({ queuedInvalidations: 1 });
    expect(cache.breaker?.state).not.toBe('closed');
    server.level.onCall = () => {};
    server.level.become('up');
    await server.world.timers.advance(2_000);
    expect(cache.breaker?.state).toBe('closed');
    expect(await cache.get('k')).toBe(undefined);
  });

  it('is cleared again if it was restarted once more after it was cleared', async () => {
    const server = new RestartableServer();
    const cache = server.process();
    await server.loseRemoval(cache);
    await server.fail(cache);
    await cache.get('k');
    let clears = 0;
    server.level.onCall = (name) => {
      if (name === 'clear') clears += 1;
      // Between the clear's acknowledgement and the closing of the breaker.
      if (name === 'serverIdentity' && clears === 1) server.restart('third');
    };
    await server.world.timers.advance(1_000);
    expect(clears).toBe(2);
    expect(cache.breaker?.state).toBe('closed');
    expect(await cache.get('k')).toBe(undefined);
  });

  it('is asked again if a reason for doubt came while it was being asked', async () => {
    const server = new RestartableServer();
    const held = server.holdAnswer(2);
    const cache = server.process();
    await server.loseRemoval(cache);
    server.restart('first');
    server.world.buses[0]?.reconnect();
    // What counts says what it counted, and is not asked again after it.
    const calls = [cache.get('k'), cache.increment('n').catch(({ code }) => code)];
    await server.world.timers.advance(0);
    // What it says now was asked before this.
    server.restart('second');
    server.world.buses[0]?.reconnect();
    held.open();
    expect(await Promise.all(calls)).toEqual([undefined, 'ERR_CACHE_UNAVAILABLE']);
    expect(server.world.store.get('n')).toBe(5);
  });
});

it('a read that waits until the server is known reads nothing if a removal was queued meanwhile', async () => {
  const server = new RestartableServer();
  const held = server.holdAnswer(2);
  const cache = server.process();
  await cache.set('k', 'old');
  server.level.become('silent');
  const removal = expect(cache.removeItem('k')).rejects.toMatchObject({ queued: true });
  await server.world.timers.advance(100);
  server.level.become('up');
  server.world.buses[0]?.reconnect();
  const read = cache.get('k');
  await server.world.timers.advance(150);
  await removal;
  held.open();
  expect(await read).toBe(undefined);
  expect(server.level.asked).not.toContain('getEntries');
});

describe('a server that says that it is the same', () => {
  it('is asked once for each reason to doubt it, whoever waits, and keeps what it holds', async () => {
    const server = new RestartableServer();
    const cache = server.process();
    await Promise.all([cache.set('a', 1), cache.get('b'), cache.getOrSet('c', () => 'loaded')]);
    const asks = (): number => server.level.asked.filter((name) => name === 'serverIdentity').length;
    expect(asks()).toBe(1);
    await cache.get('a');
    expect(asks()).toBe(1);
    await server.fail(cache);
    expect(await Promise.all([cache.get('b'), cache.get('d')])).toEqual([undefined, undefined]);
    expect(asks()).toBe(2);
    expect(await cache.mget(['a', 'b', 'c'])).toEqual([1, undefined, 'loaded']);
    expect(server.world.store.itemsCount).toBe(2);
    expect(asks()).toBe(2);
    expect(cache.breaker?.state).toBe('closed');
  });

  it('keeps what it holds over an outage', async () => {
    const server = new RestartableServer();
    const cache = server.process();
    await cache.set('a', 1);
    server.level.become('refusing');
    await expect(cache.removeItem('b')).rejects.toMatchObject({ queued: true });
    server.level.become('up');
    await server.world.timers.advance(1_000);
    expect(cache.breaker?.state).toBe('closed');
    expect(await cache.get('a')).toBe(1);
  });

  it('is not read while it does not say who it is: the loader answers, and the breaker opens', async () => {
    const server = new RestartableServer();
    server.world.store.set('k', 'stored');
    const l2 = new Proxy(server.level.cache, {
      get: (target, name) =>
        name === 'serverIdentity'
          ? async () => {
              throw new CacheUnavailableError('It does not say.', { operation: 'ping', backend: 'test' });
            }
          : Reflect.get(target, name, target),
    });
    const cache = server.process({ l2 });
    for (let call = 0; call < 5; call += 1) {
      expect(await cache.getOrSet('k', () => 'loaded', { expirationInSeconds: 1 })).toBe('loaded');
      await cache.removeItem('unrelated').catch(() => {});
    }
    await server.world.timers.advance(5_000);
    expect(cache.breaker?.state).not.toBe('closed');
    expect(new Set(server.level.asked)).toEqual(new Set(['exists']));
  });
});

it('a removal that meets a restarted server is queued behind the clear, and done', async () => {
  const server = new RestartableServer();
  const cache = server.process();
  await server.loseRemoval(cache);
  await server.fail(cache);
  await expect(cache.removeItem('k')).rejects.toMatchObject({ queued: true });
  await server.world.timers.advance(1_000);
  expect(server.world.store.itemsCount).toBe(0);
  expect(cache.breaker).toMatchObject({ state: 'closed', queuedInvalidations: 0 });
});

it('onRestart: "clear" is refused where a restart cannot be told, or nobody would act on it', () => {
  const world = new World();
  const server = new RestartableServer();
  const refused: readonly Partial<StackOptions>[] = [
    { onRestart: 'clear' },
    { onRestart: 'clear', l2: server.level.cache, breaker: false },
    { onRestart: 'forget' as 'clear', l2: server.level.cache },
  ];
  for (const options of refused) {
    expect(() => world.plain(options)).toThrow(expect.objectContaining({ code: 'ERR_CACHE_OPTION' }));
  }
  expect(() => createCache({ l1: world.near(), onRestart: 'clear' })).toThrow(
    expect.objectContaining({ code: 'ERR_CACHE_OPTION' }),
  );
  expect(() => world.plain({ onRestart: 'clear', l2: server.level.cache as SharedCache })).not.toThrow();
});
