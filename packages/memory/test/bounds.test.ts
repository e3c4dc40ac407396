import { InMemoryCache } from '@cache/memory';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { ManualClock } from './manual-clock.ts';

/** What a cache may answer, without an eviction policy: it may forget a live item only if a bound made it. */
class Model {
  readonly items: Map<string, { value: number; deadlineMs: number }> = new Map();
  readonly clock: ManualClock;

  constructor(clock: ManualClock) {
    this.clock = clock;
  }

  live(key: string): number | undefined {
    const item = this.items.get(key);
    return item !== undefined && item.deadlineMs > this.clock.now() ? item.value : undefined;
  }

  get liveCount(): number {
    return [...this.items.keys()].filter((key) => this.live(key) !== undefined).length;
  }
}

const key = fc.integer({ min: 0, max: 11 }).map((n) => `key ${n}`);
const lifetime = fc.oneof(fc.constant(null), fc.integer({ min: 1, max: 20 }));
const step = fc.oneof(
  fc.record({ call: fc.constant('set' as const), key, value: fc.integer({ min: 1, max: 9 }), lifetime }),
  fc.record({ call: fc.constant('get' as const), key }),
  fc.record({ call: fc.constant('removeItem' as const), key }),
  fc.record({ call: fc.constant('exists' as const), key }),
  fc.record({ call: fc.constant('getTtl' as const), key }),
  fc.record({ call: fc.constant('setWithNx' as const), key, value: fc.integer({ min: 1, max: 9 }), lifetime }),
  fc.record({ call: fc.constant('increment' as const), key, amount: fc.integer({ min: 1, max: 3 }) }),
  fc.record({ call: fc.constant('expireItem' as const), key }),
  fc.record({ call: fc.constant('cleanupExpired' as const) }),
  fc.record({ call: fc.constant('clear' as const) }),
  fc.record({ call: fc.constant('wait' as const), seconds: fc.integer({ min: 1, max: 15 }) }),
);
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

/** Runs one step on both and checks that they agree, but for live items the cache was allowed to forget. */
function run(cache: InMemoryCache<number>, model: Model, clock: ManualClock, current: Step): void {
  const store = (at: string, value: number, seconds: number | null): void => {
    model.items.set(at, {
      value,
      deadlineMs: seconds === null ? Number.POSITIVE_INFINITY : clock.now() + seconds * 1000,
    });
  };
  switch (current.call) {
    case 'set':
      cache.set(current.key, current.value, current.lifetime);
      store(current.key, current.value, current.lifetime);
      expect(cache.get(current.key)).toBe(current.value);
      break;
    case 'get':
      expect([undefined, model.live(current.key)]).toContain(cache.get(current.key));
      break;
    case 'exists':
      expect(cache.exists(current.key)).toBe(cache.get(current.key) !== undefined);
      break;
    case 'removeItem':
      expect(cache.removeItem(current.key) && model.live(current.key) === undefined).toBe(false);
      model.items.delete(current.key);
      expect(cache.exists(current.key)).toBe(false);
      break;
    case 'expireItem':
      expect(cache.expireItem(current.key) && model.live(current.key) === undefined).toBe(false);
      model.items.delete(current.key);
      expect(cache.exists(current.key)).toBe(false);
      break;
    case 'getTtl': {
      const ttl = cache.getTtl(current.key);
      if (ttl === undefined) break;
      const deadlineMs = model.items.get(current.key)?.deadlineMs as number;
      expect(ttl).toBe(deadlineMs === Number.POSITIVE_INFINITY ? null : (deadlineMs - clock.now()) / 1000);
      break;
    }
    case 'setWithNx': {
      const was = cache.get(current.key);
      expect(cache.setWithNx(current.key, current.value, current.lifetime)).toBe(was === undefined);
      if (was === undefined) store(current.key, current.value, current.lifetime);
      break;
    }
    case 'increment': {
      const was = cache.get(current.key);
      expect(cache.increment(current.key, current.amount)).toBe((was ?? 0) + current.amount);
      if (was === undefined) store(current.key, current.amount, 300);
      else (model.items.get(current.key) as { value: number }).value = was + current.amount;
      break;
    }
    case 'cleanupExpired':
      cache.cleanupExpired();
      expect(cache.itemsCount).toBe([...cache.keys()].length);
      break;
    case 'clear':
      cache.clear();
      model.items.clear();
      expect(cache.itemsCount).toBe(0);
      break;
    case 'wait':
      clock.advance(current.seconds);
  }
}

describe('the bounds', () => {
  test('row 55: any sequence of calls with a moving clock agrees with a naive model and never breaks maxSize', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 8 }), fc.array(step, { maxLength: 120 }), (maxSize, steps) => {
        const clock = new ManualClock();
        const cache = new InMemoryCache<number>({ maxSize, clock });
        const model = new Model(clock);
        for (const current of steps) {
          run(cache, model, clock, current);
          expect(cache.itemsCount).toBeLessThanOrEqual(maxSize);
          const listed = [...cache.keys()];
          expect(new Set(listed).size).toBe(listed.length);
          for (const at of listed) expect(cache.inspect(at)?.value).toBe(model.live(at));
        }
      }),
      { numRuns: 300 },
    );
  });

  test('with room for all, nothing live is ever forgotten', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const clock = new ManualClock();
        const cache = new InMemoryCache<number>({ maxSize: 12, clock });
        const model = new Model(clock);
        for (const current of steps) {
          run(cache, model, clock, current);
          expect([...cache.keys()]).toHaveLength(model.liveCount);
        }
      }),
      { numRuns: 200 },
    );
  });

  test('no live item goes while an expired one is held, at any size up to several levels of the index', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 2100 }),
        fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 40 }),
        fc.integer({ min: 0, max: 49 }),
        (maxSize, lifetimes, waited) => {
          const clock = new ManualClock();
          const evicted: string[] = [];
          const cache = new InMemoryCache({ maxSize, clock, hooks: { onEvict: ({ key }) => evicted.push(key) } });
          for (let i = 0; i < maxSize; i++) cache.set(`k${i}`, i, lifetimes[i % lifetimes.length] as number);
          clock.advance(waited);
          const liveBefore = [...cache.keys()].length;
          for (let i = 0; i < maxSize - liveBefore; i++) cache.set(`new ${i}`, i, 1000);
          expect(evicted).toEqual([]);
          cache.set('one too many', 1, 1000);
          expect(evicted).toHaveLength(1);
          expect(cache.itemsCount).toBe(maxSize);
        },
      ),
      { numRuns: 60 },
    );
  });

  test('maxBytes is never exceeded, whatever is written, overwritten or counted', () => {
    const write = fc.record({ key, bytes: fc.integer({ min: 0, max: 60 }), lifetime });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 6 }), fc.array(write, { maxLength: 150 }), (maxSize, writes) => {
        const clock = new ManualClock();
        const cache = new InMemoryCache<number>({ maxSize, maxBytes: 100, sizeOf: (bytes) => bytes, clock });
        for (const { key: at, bytes, lifetime: seconds } of writes) {
          cache.set(at, bytes, seconds);
          expect(cache.get(at)).toBe(bytes);
          clock.advance(1);
          expect(cache.bytes).toBeLessThanOrEqual(100);
          expect(cache.itemsCount).toBeLessThanOrEqual(maxSize);
          cache.cleanupExpired();
          expect(cache.bytes).toBe([...cache.keys()].reduce((sum, each) => sum + (cache.get(each) as number), 0));
        }
      }),
    );
  });

  test('a value larger than maxBytes is not stored, and what its key held goes', () => {
    const evicted: string[] = [];
    const cache = new InMemoryCache<number>({
      maxBytes: 100,
      sizeOf: (bytes) => bytes,
      hooks: { onEvict: ({ key: at, reason }) => evicted.push(`${at} ${reason}`) },
    });
    cache.set('a', 60);
    cache.set('b', 30);
    cache.set('a', 101);
    expect([...cache.keys()]).toEqual(['b']);
    expect(evicted).toEqual(['a bytes']);
    cache.set('c', 90, { tags: ['t'] });
    cache.set('d', 101, { tags: ['t'] });
    expect([...cache.keys()]).toEqual(['c']);
    expect(cache.bytes).toBe(90);
  });

  test('maxBytes alone lets many small items in, and the policy follows as sizes change', () => {
    const cache = new InMemoryCache<number>({ maxBytes: 10_000, sizeOf: (bytes) => bytes });
    for (let i = 0; i < 30_000; i++) cache.set(`small ${i}`, 1);
    expect(cache.itemsCount).toBe(10_000);
    for (let i = 0; i < 3000; i++) cache.set(`large ${i}`, 100);
    expect(cache.bytes).toBeLessThanOrEqual(10_000);
    for (let i = 0; i < 30_000; i++) cache.set(`small again ${i}`, 1);
    expect(cache.bytes).toBeLessThanOrEqual(10_000);
    expect(cache.itemsCount).toBeGreaterThan(1000);
  });

  test('a counter that grows is measured again: others make room, and one larger than all of it goes', () => {
    const evicted: string[] = [];
    const cache = new InMemoryCache<number>({
      maxBytes: 100,
      sizeOf: (bytes) => bytes,
      hooks: { onEvict: ({ key: at }) => evicted.push(at) },
    });
    cache.set('n', 10);
    for (let i = 0; i < 9; i++) cache.set(`other ${i}`, 10);
    for (let use = 0; use < 5; use++) cache.get('n');
    expect(cache.increment('n', 25)).toBe(35);
    expect([cache.get('n'), cache.bytes, evicted.length]).toEqual([35, 95, 3]);
    expect(cache.decrement('n', 35)).toBe(0);
    expect(cache.bytes).toBe(60);
    expect(cache.increment('n', 101)).toBe(101);
    expect([cache.get('n'), cache.bytes, evicted.at(-1)]).toEqual([undefined, 60, 'n']);
  });

  test('a size that is no size is refused, and nothing changes', () => {
    const cache = new InMemoryCache<number>({ maxBytes: 100, sizeOf: (bytes) => bytes });
    cache.set('a', 10);
    for (const bad of [Number.NaN, -1, Number.POSITIVE_INFINITY]) {
      expect(() => cache.set('a', bad)).toThrow(expect.objectContaining({ code: 'ERR_CACHE_VALUE', key: 'a' }));
    }
    expect(() =>
      new InMemoryCache<string>({ maxBytes: 1, sizeOf: () => '5' as unknown as number }).set('a', 'b'),
    ).toThrow('got string');
    expect(cache.get('a')).toBe(10);
  });

  test('row 55: a hundred thousand distinct keys leave maxSize items, of the newest or most used', () => {
    const cache = new InMemoryCache<number>({ maxSize: 1000 });
    for (let i = 0; i < 100_000; i++) {
      cache.set(`key ${i}`, i);
      if (cache.itemsCount > 1000) throw new Error(`${cache.itemsCount} items`);
    }
    expect(cache.itemsCount).toBe(1000);
    for (const at of cache.keys()) expect(cache.get(at)).toBe(Number(at.slice(4)));
  });
});
