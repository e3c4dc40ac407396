import type { BusGap, Invalidation, InvalidationListener } from '@cache/core';
import { RedisCache, redisBus } from '@cache/redis';
import { redisUrl, startProgram, startProxy, startRedis, uniqueName, waitUntil } from '@cache/test-servers';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createClient } from 'redis';
import { PATIENT } from './patience.ts';

const client = createClient({ url: redisUrl() });
beforeAll(() => client.connect());
afterAll(() => client.close());

/** Remembers what it is told. */
class Recorder implements InvalidationListener {
  readonly heard: Invalidation[] = [];
  readonly origins = new Set<string>();
  readonly gaps: BusGap[] = [];

  onInvalidation(invalidation: Invalidation, origin: string): void {
    this.heard.push(invalidation);
    this.origins.add(origin);
  }

  onGap(reason: BusGap): void {
    this.gaps.push(reason);
  }
}

/** A recorder on a bus that is live. */
async function listening(bus: ReturnType<typeof redisBus>): Promise<Recorder> {
  const recorder = new Recorder();
  bus.subscribe(recorder);
  await waitUntil('A bus that is live', 10_000, () => bus.liveAtMs !== undefined);
  return recorder;
}

/** An id that many numbers after the newest message's. */
async function idAfterLast(name: string, distance: number): Promise<string> {
  const entries = (await client.xRevRange(`${name}\0bus`, '+', '-', { COUNT: 1 })) ?? [];
  return `${Number.parseInt(entries[0]?.id ?? '', 10) + distance}-0`;
}

/** The commands that the caches' client sends meanwhile, in lower case. */
async function commandsDuring(work: () => Promise<unknown>): Promise<string[]> {
  const sent: string[] = [];
  const original = client.sendCommand;
  client.sendCommand = ((args: readonly string[], options?: object) => {
    sent.push(String(args[0]).toLowerCase());
    return original.call(client, args, options);
  }) as typeof original;
  try {
    await work();
  } finally {
    client.sendCommand = original;
  }
  return sent;
}

describe('redisBus', () => {
  test('tells every process, its own too, of what was published, with its origin', async () => {
    const name = uniqueName('bus');
    await using one = redisBus(client, { name });
    await using other = redisBus(client, { name });
    const [own, others] = await Promise.all([listening(one), listening(other)]);
    const invalidations: Invalidation[] = [
      { kind: 'key', key: 'ключ "1"' },
      { kind: 'tag', tag: 'users' },
      { kind: 'clearPrefix', prefix: 'a' },
      { kind: 'clear' },
    ];
    await one.publish(invalidations);
    await waitUntil('Messages everywhere', 10_000, () => own.heard.length === 4 && others.heard.length === 4);
    expect(others.heard).toEqual(invalidations);
    expect([...others.origins]).toEqual([one.origin]);
  });

  test('keeps a steady stream whole and in order, without a gap', async () => {
    const name = uniqueName('bus');
    await using bus = redisBus(client, { name, timeoutMs: 30_000 });
    await bus.publish([{ kind: 'clear' }]);
    const recorder = await listening(bus);
    const gapsBefore = recorder.gaps.length;
    const keys = Array.from({ length: 2_500 }, (_, index) => `key ${index}`);
    await Promise.all(keys.map((key) => bus.publish([{ kind: 'key', key }])));
    await waitUntil('Every message', 30_000, () => recorder.heard.length === keys.length);
    expect(recorder.heard).toEqual(keys.map((key) => ({ kind: 'key', key })));
    expect(recorder.gaps).toHaveLength(gapsBefore);
  });

  test('proves that it is alive while nothing is published', async () => {
    await using bus = redisBus(client, { name: uniqueName('bus'), pollMs: 20 });
    await listening(bus);
    const before = bus.liveAtMs ?? 0;
    await waitUntil('A later proof', 10_000, () => (bus.liveAtMs ?? 0) > before);
  });

  test('begins with a gap for each who subscribes', async () => {
    await using bus = redisBus(client, { name: uniqueName('bus') });
    const recorder = new Recorder();
    bus.subscribe(recorder);
    expect(recorder.gaps).toEqual(['connected']);
  });

  test('tells of a gap when a message was removed from the stream', async () => {
    const name = uniqueName('bus');
    await using bus = redisBus(client, { name });
    await bus.publish([{ kind: 'clear' }]);
    const recorder = await listening(bus);
    recorder.gaps.length = 0;
    await client.xAdd(`${name}\0bus`, await idAfterLast(name, 2), { o: 'somebody', m: '[["k","a"]]' });
    await waitUntil('A gap', 10_000, () => recorder.gaps.length > 0);
  });

  test('tells of a gap when the stream is lost', async () => {
    const name = uniqueName('bus');
    await using bus = redisBus(client, { name, pollMs: 20 });
    await bus.publish([{ kind: 'clear' }]);
    const recorder = await listening(bus);
    recorder.gaps.length = 0;
    await client.unlink(`${name}\0bus`);
    await waitUntil('A gap', 10_000, () => recorder.gaps.includes('restored'));
  });

  test('tells of a gap when a message is none of its own, and goes on', async () => {
    const name = uniqueName('bus');
    await using bus = redisBus(client, { name });
    await bus.publish([{ kind: 'clear' }]);
    const recorder = await listening(bus);
    recorder.gaps.length = 0;
    await client.xAdd(`${name}\0bus`, await idAfterLast(name, 1), { o: 'x', m: '{"k":' });
    await bus.publish([{ kind: 'key', key: 'after' }]);
    await waitUntil('The message after', 10_000, () => recorder.heard.length === 1);
    expect(recorder.gaps).toEqual(['skipped']);
  });

  test('counts every connection made anew as a gap, and misses nothing after it', async () => {
    await using server = await startRedis();
    await using proxy = await startProxy(server.port);
    const name = uniqueName('bus');
    const listener = createClient({ url: proxy.urlFor(server.url) });
    const publisher = createClient({ url: server.url });
    await Promise.all([listener.connect(), publisher.connect()]);
    const bus = redisBus(listener, { name, pollMs: 50, timeoutMs: 500 });
    const other = redisBus(publisher, { name });
    try {
      const recorder = await listening(bus);
      recorder.gaps.length = 0;
      proxy.reset();
      await other.publish([{ kind: 'key', key: 'meanwhile' }]);
      await waitUntil('A gap', 10_000, () => recorder.gaps.includes('reconnected'));
      await other.publish([{ kind: 'key', key: 'after' }]);
      await waitUntil('What came after', 10_000, () =>
        recorder.heard.some((it) => it.kind === 'key' && it.key === 'after'),
      );

      const lastProof = bus.liveAtMs ?? 0;
      proxy.blackhole();
      await new Promise((resolve) => setTimeout(resolve, 700));
      expect((bus.liveAtMs ?? 0) - lastProof).toBeLessThan(600);
      recorder.gaps.length = 0;
      await proxy.restore();
      await waitUntil('A gap after silence', 10_000, () => recorder.gaps.includes('reconnected'));
    } finally {
      await Promise.all([bus.close(), other.close()]);
      listener.destroy();
      publisher.destroy();
    }
  }, 60_000);

  test('keeps a listener that throws from the others', async () => {
    const name = uniqueName('bus');
    await using bus = redisBus(client, { name });
    const recorder = await listening(bus);
    let isArmed = false;
    bus.subscribe({
      onInvalidation: () => {
        throw new Error('a listener that fails');
      },
      onGap: () => {
        if (isArmed) throw new Error('a listener that fails');
      },
    });
    isArmed = true;
    await bus.publish([{ kind: 'key', key: 'a' }]);
    await waitUntil('The message', 10_000, () => recorder.heard.length > 0);
  });

  test('is over after close', async () => {
    const bus = redisBus(client, { name: uniqueName('bus') });
    await listening(bus);
    await bus.close();
    await bus.close();
    expect(bus.liveAtMs).toBeUndefined();
    await expect(bus.publish([{ kind: 'clear' }])).rejects.toMatchObject({ code: 'ERR_CACHE_CLOSED' });
  });

  test('closed while it connects, leaves no connection behind', async () => {
    await using server = await startRedis();
    const own = createClient({ url: server.url });
    await own.connect();
    try {
      for (let turns = 0; turns < 12; turns += 1) {
        const bus = redisBus(own, { name: uniqueName('bus') });
        bus.subscribe(new Recorder());
        for (let turn = 0; turn < turns; turn += 1) await new Promise(setImmediate);
        await bus.close();
      }
      await waitUntil('One connection, which is the client’s', 10_000, async () => {
        const clients: string = await own.sendCommand(['CLIENT', 'LIST']);
        return clients.trim().split('\n').length === 1;
      });
    } finally {
      await own.close();
    }
  });

  test.each([{ name: 'a*' }, { name: '' }, { pollMs: 0 }, { timeoutMs: Number.NaN }, { maxLength: 1.5 }])(
    'row 13: refuses the options %j',
    (options) => {
      expect(() => redisBus(client, options)).toThrow(expect.objectContaining({ code: 'ERR_CACHE_OPTION' }));
    },
  );
});

describe('A cache with a bus', () => {
  test('publishes what it removes, expires and clears, each once', async () => {
    const name = uniqueName('bus');
    await using bus = redisBus(client, { name });
    await bus.publish([{ kind: 'clear' }]);
    const recorder = await listening(bus);
    const cache = new RedisCache(client, { prefix: `${name}:`, bus, ...PATIENT });
    await cache.mset([
      ['a', 1],
      ['b', 2],
      ['c', 3],
    ]);
    expect(await cache.removeItem('a')).toBe(true);
    expect(await cache.removeItems(['b', 'none'])).toBe(1);
    expect(await cache.expireItem('c')).toBe(true);
    expect(await cache.removeIfEquals('c', 3)).toBe(false);
    await cache.invalidateTags(['t', 'u']);
    await cache.expireTags(['v']);
    await cache.clearPrefix('x');
    await cache.clear();
    await waitUntil('All messages', 10_000, () => recorder.heard.at(-1)?.kind === 'clear');
    expect(recorder.heard).toEqual([
      { kind: 'key', key: 'a' },
      { kind: 'key', key: 'b' },
      { kind: 'key', key: 'none' },
      { kind: 'key', key: 'c' },
      { kind: 'key', key: 'c' },
      { kind: 'tag', tag: 't' },
      { kind: 'tag', tag: 'u' },
      { kind: 'tag', tag: 'v' },
      { kind: 'clearPrefix', prefix: 'x' },
      { kind: 'clear' },
    ]);
  });

  test('removes and publishes in one step', async () => {
    const name = uniqueName('bus');
    await using bus = redisBus(client, { name });
    const recorder = await listening(bus);
    const cache = new RedisCache(client, { prefix: `${name}:`, bus, ...PATIENT });
    await cache.set('a', 1);
    await cache.removeItem('warm');
    // Nothing but the script may reach the server: a transaction of commands that follow would show as more of them.
    const commands = await commandsDuring(() => cache.removeItem('a'));
    expect(commands).toEqual(['evalsha']);
    await waitUntil('The message', 10_000, () => recorder.heard.length === 2);
    expect(await cache.exists('a')).toBe(false);
  });

  test('tells of what it ends on a server without memory too', async () => {
    await using server = await startRedis();
    const own = createClient({ url: server.url });
    await own.connect();
    try {
      const name = uniqueName('bus');
      await using bus = redisBus(own, { name });
      const recorder = await listening(bus);
      const cache = new RedisCache(own, { prefix: `${name}:`, bus, ...PATIENT });
      await cache.set('there', 1);
      await cache.set('tagged', 1, { tags: ['t'] });
      await own.configSet('maxmemory', '1');
      expect(await cache.removeItem('there')).toBe(true);
      expect(await cache.removeItem('absent')).toBe(false);
      expect(await cache.expireItem('absent too')).toBe(false);
      await cache.invalidateTags(['t']);
      await cache.clear();
      await waitUntil('All messages', 10_000, () => recorder.heard.at(-1)?.kind === 'clear');
      expect(recorder.heard).toEqual([
        { kind: 'key', key: 'there' },
        { kind: 'key', key: 'absent' },
        { kind: 'key', key: 'absent too' },
        { kind: 'tag', tag: 't' },
        { kind: 'clear' },
      ]);
    } finally {
      await own.close();
    }
  });

  // In two steps the message is lost with the process: what the one step is for.
  test.each([
    ['one-step', [{ kind: 'key', key: 'a' }]],
    ['two-steps', []],
  ])('has told of what it removed, or not, when its process is killed: %s', async (steps, expected) => {
    const name = uniqueName('bus');
    await using bus = redisBus(client, { name });
    const recorder = await listening(bus);
    const cache = new RedisCache(client, { prefix: `${name}:`, ...PATIENT });
    await cache.set('a', 1);
    const program = new URL('./programs/die-after-removal.ts', import.meta.url);
    await using dying = startProgram(program, redisUrl(), name, steps);
    expect(await dying.end()).toEqual({ code: null, signal: 'SIGKILL', stderr: '' });
    expect(await cache.exists('a')).toBe(false);
    await bus.publish([{ kind: 'clear' }]);
    await waitUntil('The message after it', 10_000, () => recorder.heard.at(-1)?.kind === 'clear');
    expect(recorder.heard).toEqual([...expected, { kind: 'clear' }]);
  });
});
