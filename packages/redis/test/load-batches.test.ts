import type { CacheEntry, Lease } from '@cache/core';
import { RedisCache, type RedisCacheOptions } from '@cache/redis';
import { redisUrl, uniqueName } from '@cache/test-servers';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { createClient } from 'redis';
import { binaryJson } from './binary-json.ts';
import { PATIENT } from './patience.ts';
import { RecordingClient } from './recording-client.ts';

const client = createClient({ url: redisUrl() });
beforeAll(() => client.connect());
afterAll(() => client.close());

function newCache(options: RedisCacheOptions = {}) {
  const recorder = new RecordingClient(client);
  const prefix = `${uniqueName('loads')}:`;
  return { recorder, prefix, cache: new RedisCache(recorder, { prefix, ...PATIENT, ...options }) };
}

function leaseOf(entry: CacheEntry<unknown>): Lease {
  if (!('lease' in entry) || entry.lease === undefined) throw new Error(`No lease beside ${entry.state}`);
  return entry.lease;
}

const names = (count: number): string[] => Array.from({ length: count }, (_, index) => `k${index}`);

describe('Loads of one tick', () => {
  test('take their leases in one command and fill in one', async () => {
    const { cache, recorder } = newCache();
    await cache.getOrLease('other');
    recorder.take();
    const leases = (await Promise.all(names(64).map((key) => cache.getOrLease(key)))).map(leaseOf);
    // The tags' sequence is what a load is stamped with.
    expect(recorder.take()).toEqual(['HGET', 'EVALSHA']);
    expect(new Set(leases.map(({ token }) => token)).size).toBe(64);
    const filled = await Promise.all(leases.map((lease) => cache.fill(lease, `value of ${lease.key}`)));
    expect(recorder.take()).toEqual(['EVAL']);
    expect(filled.every(Boolean)).toBe(true);
    expect(await cache.mget(names(64))).toEqual(names(64).map((key) => `value of ${key}`));
  });

  test('are many commands where they are many', async () => {
    const { cache, recorder } = newCache();
    const leases = (await Promise.all(names(150).map((key) => cache.getOrLease(key)))).map(leaseOf);
    // The last begins the sequence of the tags, which a new cache has not.
    expect(recorder.take()).toEqual(['HGET', 'EVAL', 'EVALSHA', 'EVALSHA', 'EVAL']);
    expect(await Promise.all(leases.map((lease) => cache.fill(lease, 1)))).not.toContain(false);
  });

  test('are more commands where the values are large, so that others are served in between', async () => {
    const { cache, recorder } = newCache();
    const large = 'x'.repeat(100_000);
    const leases = (await Promise.all(names(12).map((key) => cache.getOrLease(key)))).map(leaseOf);
    recorder.take();
    await Promise.all(leases.map((lease) => cache.fill(lease, lease.key + large, { staleInSeconds: 60 })));
    expect(recorder.take()).toEqual(['EVAL', 'EVALSHA', 'EVALSHA', 'EVALSHA']);
    for (const key of names(12)) await cache.expireItem(key);
    recorder.take();
    const entries = await Promise.all(names(12).map((key) => cache.getOrLease(key)));
    // Three of them are answered at once.
    expect(recorder.take()).toEqual(['HGET', ...Array.from({ length: 10 }, () => 'EVALSHA')]);
    for (const [index, key] of names(12).entries()) {
      expect(entries[index]).toMatchObject({ state: 'stale', value: key + large, lease: { key } });
    }
  });

  test.each([
    ['JSON', undefined],
    ['bytes', binaryJson],
  ])('each have their own lifetime, window, duration and tags (%s)', async (_, serializer) => {
    const { cache } = newCache(serializer === undefined ? {} : { serializer });
    const fills = [
      { expirationInSeconds: 60 },
      { expirationInSeconds: null },
      { expirationInSeconds: 60, staleInSeconds: 30 },
      { expirationInSeconds: 50, loadDurationMs: 7 },
      { expirationInSeconds: 60, tags: ['a', 'ü'] },
      { expirationInSeconds: 60 },
    ];
    const leases = (await Promise.all(fills.map((_fill, index) => cache.getOrLease(`k${index}`)))).map(leaseOf);
    const filled = await Promise.all(leases.map((lease, index) => cache.fill(lease, { index }, fills[index])));
    expect(filled).toEqual(fills.map(() => true));
    const entries = await cache.getEntries(fills.map((_fill, index) => `k${index}`));
    for (const [index, { expirationInSeconds, loadDurationMs, tags = [] }] of fills.entries()) {
      const entry = entries[index];
      expect(entry).toMatchObject({ state: 'fresh', value: { index }, loadDurationMs, tags });
      const remaining = entry?.state === 'fresh' ? entry.remainingInSeconds : undefined;
      if (expirationInSeconds === null) expect(remaining).toBe(null);
      else expect(Math.ceil(remaining ?? 0)).toBe(expirationInSeconds);
    }
    await cache.expireItem('k2');
    expect(await cache.getEntries(['k2'])).toMatchObject([{ state: 'stale', value: { index: 2 } }]);
    await cache.invalidateTags(['ü']);
    expect(await cache.getEntries(['k4', 'k5'])).toMatchObject([{ state: 'missing' }, { state: 'fresh' }]);
  });

  test('are told apart: one that was overtaken is fenced off alone', async () => {
    const { cache } = newCache();
    const leases = (await Promise.all(names(4).map((key) => cache.getOrLease(key)))).map(leaseOf);
    await Promise.all([cache.removeItem('k1'), cache.set('k2', 'newer')]);
    expect(await Promise.all(leases.map((lease) => cache.fill(lease, 'loaded')))).toEqual([true, false, false, true]);
    expect(await cache.mget(names(4))).toEqual(['loaded', undefined, 'newer', 'loaded']);
  });

  test('meet a list, a lease of somebody else, a value and a stale copy in one command', async () => {
    const { cache, recorder, prefix } = newCache();
    await client.rPush(`${prefix}list`, ['a']);
    await cache.set('plain', 1);
    await cache.fill(leaseOf(await cache.getOrLease('stale')), 'old', { staleInSeconds: 60 });
    await cache.expireItem('stale');
    await cache.getOrLease('leased');
    recorder.take();
    const [list, plain, stale, leased] = await Promise.all(
      ['list', 'plain', 'stale', 'leased'].map((key) => cache.getOrLease(key)),
    );
    expect(recorder.take()).toEqual(['HGET', 'EVALSHA']);
    expect(list).toMatchObject({ state: 'missing', lease: { key: 'list' } });
    expect(plain).toMatchObject({ state: 'fresh', value: 1 });
    expect(stale).toMatchObject({ state: 'stale', value: 'old', lease: { key: 'stale' } });
    expect(leased).toEqual({ state: 'missing' });
  });

  test('are carried out in the order of the calls on each key', async () => {
    const step = fc.record({
      key: fc.constantFrom('a', 'b'),
      call: fc.constantFrom('get', 'set', 'remove', 'lease', 'fill', 'entry'),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 2, maxLength: 30 }), async (steps) => {
        const { cache } = newCache();
        const held = new Map<string, Lease>();
        for (const key of ['a', 'b']) held.set(key, leaseOf(await cache.getOrLease(key)));
        const values = new Map<string, number>();
        const isHeld = new Map([...held.keys()].map((key) => [key, true]));
        const expected: unknown[] = [];
        const calls = steps.map(({ key, call }, index) => {
          switch (call) {
            case 'set':
              values.set(key, index);
              isHeld.set(key, false);
              expected.push(undefined);
              return cache.set(key, index);
            case 'remove':
              isHeld.set(key, false);
              expected.push(values.delete(key));
              return cache.removeItem(key);
            case 'fill': {
              const isFilled = isHeld.get(key) === true;
              if (isFilled) values.set(key, index);
              isHeld.set(key, false);
              expected.push(isFilled);
              return cache.fill(held.get(key) as Lease, index);
            }
            case 'lease':
              // It is granted to a lease that nobody fills, if there is neither a value nor the first one.
              expected.push(values.has(key) ? 'fresh' : 'missing');
              if (!values.has(key)) isHeld.set(key, isHeld.get(key) === true);
              return cache.getOrLease(key).then(({ state }) => state);
            case 'entry':
              expected.push(values.get(key));
              return cache.getEntries([key]).then(([entry]) => (entry?.state === 'fresh' ? entry.value : undefined));
            default:
              expected.push(values.get(key));
              return cache.get(key);
          }
        });
        expect(await Promise.all(calls)).toEqual(expected);
      }),
      { numRuns: 100, seed: 20_261_122 },
    );
  }, 60_000);

  test('go on when the server has lost its scripts', async () => {
    const { cache } = newCache();
    const leases = (await Promise.all(names(3).map((key) => cache.getOrLease(key)))).map(leaseOf);
    await cache.fill(leases[0] as Lease, 0);
    await client.scriptFlush();
    const more = Promise.all(['x', 'y'].map((key) => cache.getOrLease(key)));
    expect(await Promise.all(leases.slice(1).map((lease) => cache.fill(lease, 1)))).toEqual([true, true]);
    expect((await more).map(leaseOf)).toHaveLength(2);
  });

  test('fail alone where an ACL forbids one of the keys', async () => {
    const { cache: own, prefix } = newCache();
    await own.set('yours:a', 'old');
    const user = uniqueName('user').replaceAll(/\W/g, '');
    const rules = ['on', '>secret', `~${prefix}mine:*`, `~${prefix}?tags`, '&*', '+@all'];
    await client.sendCommand(['ACL', 'SETUSER', user, ...rules]);
    const limited = client.duplicate({ username: user, password: 'secret' });
    try {
      await limited.connect();
      const cache = new RedisCache(limited, { prefix, ...PATIENT });
      const outcomes = await Promise.allSettled(['mine:a', 'yours:a', 'mine:b'].map((key) => cache.getOrLease(key)));
      expect(outcomes.map((outcome) => (outcome.status === 'rejected' ? outcome.reason.code : 'granted'))).toEqual([
        'granted',
        'ERR_CACHE_OPTION',
        'granted',
      ]);
      expect(await own.get('yours:a')).toBe('old');
    } finally {
      limited.destroy();
      await client.sendCommand(['ACL', 'DELUSER', user]);
    }
  });
});

describe('How long entries have left', () => {
  async function filled(cache: RedisCache, keys: readonly string[]): Promise<void> {
    const leases = (await Promise.all(keys.map((key) => cache.getOrLease(key)))).map(leaseOf);
    await Promise.all(leases.map((lease) => cache.fill(lease, 1, { expirationInSeconds: 60, loadDurationMs: 3 })));
  }

  test('frames say themselves, by the clock that travels with the reads', async () => {
    const { cache, recorder } = newCache();
    await filled(cache, ['a', 'b']);
    await cache.getEntries(['a', 'b']);
    recorder.take();
    const entries = await cache.getEntries(['a', 'b']);
    expect(recorder.take()).toEqual(['MGET', 'TIME']);
    for (const entry of entries) {
      const remaining = entry.state === 'fresh' ? (entry.remainingInSeconds ?? 0) : 0;
      expect(remaining).toBeGreaterThan(50);
      expect(remaining).toBeLessThanOrEqual(60);
    }
  });

  test('plain values do not: the server is asked after them, and beside them once they are common', async () => {
    const { cache, recorder } = newCache();
    await cache.mset([
      ['a', 1],
      ['b', 2],
    ]);
    await cache.set('forever', 3, null);
    recorder.take();
    expect(await cache.getEntries(['a'])).toMatchObject([{ state: 'fresh', value: 1 }]);
    expect(recorder.take()).toEqual(['GET', 'PTTL']);
    for (let round = 0; round < 20; round += 1) await cache.getEntries(['a', 'b', 'forever']);
    recorder.take();
    const [first, , last] = await cache.getEntries(['a', 'b', 'forever', 'missing']);
    expect(recorder.take()).toEqual(['EVALSHA', 'MGET']);
    expect(first?.state === 'fresh' && Math.round(first.remainingInSeconds ?? 0)).toBe(300);
    expect(last).toMatchObject({ state: 'fresh', value: 3, remainingInSeconds: null });
  });

  test('is what setTtlIfEquals says, beside a lease too', async () => {
    const { cache } = newCache();
    await cache.fill(leaseOf(await cache.getOrLease('k')), 1, { expirationInSeconds: null, loadDurationMs: 3 });
    leaseOf(await cache.getOrLease('k', { evenIfFresh: true, leaseInSeconds: 60 }));
    expect(await cache.setTtlIfEquals('k', 1, 5)).toBe(true);
    expect(await cache.getTtl('k')).toBeLessThanOrEqual(5);
    const [entry] = await cache.getEntries(['k'], { needsRemaining: false });
    expect(entry?.state === 'fresh' && entry.remainingInSeconds).toBeLessThanOrEqual(5);
    expect(await cache.setTtlIfEquals('k', 1, null)).toBe(true);
    expect(await cache.getTtl('k')).toBe(null);
  });

  test('nobody asks for what nobody needs', async () => {
    const { cache, recorder } = newCache();
    await cache.set('plain', 1, 60);
    await filled(cache, ['framed']);
    const forever = leaseOf(await cache.getOrLease('forever'));
    await cache.fill(forever, 2, { expirationInSeconds: null, loadDurationMs: 3 });
    await cache.getEntries(['framed']);
    recorder.take();
    const read = await cache.getEntries(['plain', 'framed', 'forever'], { needsRemaining: false });
    expect(recorder.take()).toEqual(['MGET', 'TIME']);
    expect(read).toMatchObject([
      { state: 'fresh', value: 1, remainingInSeconds: 0 },
      { state: 'fresh', value: 1, loadDurationMs: 3 },
      { state: 'fresh', value: 2, remainingInSeconds: null },
    ]);
  });
});
