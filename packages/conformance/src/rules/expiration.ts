import { performance } from 'node:perf_hooks';
import { type Expiration, MAX_EXPIRATION_IN_SECONDS, type SetOptions } from '@cache/core';
import { between, ensure, equal, refused, show } from '../assertions.ts';
import type { RuleGroup } from '../rule.ts';
import type { RuleContext } from '../rule-context.ts';
import { listed, type TestedCache } from '../tested-cache.ts';

const NO_LIFETIMES: readonly unknown[] = [
  0,
  -0,
  -1,
  -0.5,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  '5',
  '',
  true,
  false,
  10n,
  Symbol('5'),
  () => 5,
  MAX_EXPIRATION_IN_SECONDS + 1,
  2 ** 53,
  Number.MAX_VALUE,
];

export const expirationRules: RuleGroup = {
  title: 'expiration',
  rules: [
    {
      name: 'refuses what is no lifetime, and keeps what was there',
      check: async (context) => {
        const cache = await context.create();
        await cache.set('k', 'before', 500);
        for (const lifetime of NO_LIFETIMES as readonly Expiration[]) {
          for (const [name, call] of callsWithLifetime(context, cache)) {
            for (const options of [lifetime, { expirationInSeconds: lifetime }]) {
              if (name === 'increment' || name === 'decrement' || name === 'fill') {
                if (options === lifetime) continue;
              }
              const error = await refused(() => call(options), 'ERR_CACHE_OPTION', `${name} with ${show(options)}`);
              equal(error.operation, name, 'the operation named in the error');
            }
          }
        }
        equal(await cache.get('k'), 'before');
        equal(await cache.exists('new'), false, 'whether something was written');
      },
    },
    {
      name: 'takes fractions of a second, a hundred years, null, and options without a lifetime',
      check: async (context) => {
        const cache = await context.create();
        const lifetimes = [0.5, 1.5, 1e-3 + 60, MAX_EXPIRATION_IN_SECONDS, null, undefined];
        for (const lifetime of lifetimes) {
          await cache.set('k', lifetime ?? 'none', lifetime);
          await cache.set('l', 'v', lifetime === undefined ? {} : { expirationInSeconds: lifetime });
          equal(await cache.get('l'), 'v', `the value stored for ${lifetime} seconds`);
        }
      },
    },
    {
      name: 'keeps an item for 300 seconds unless told otherwise',
      needs: ['atomic'],
      check: async (context) => {
        const cache = await context.create();
        await cache.set('a', 1);
        await cache.set('b', 1, {});
        await cache.setWithNx('c', 1);
        await cache.increment('d');
        for (const key of ['a', 'b', 'c', 'd']) {
          between(await cache.getTtl(key), 270, 300 + context.resolutionInSeconds, `the seconds left of ${key}`);
        }
      },
    },
    {
      name: 'keeps an item until 300 seconds have passed, and one without expiration for years',
      when: (options) => options.advance !== undefined,
      waits: true,
      check: async (context) => {
        const cache = await context.create();
        await cache.set('default', 1);
        await cache.set('forever', 2, null);
        await context.elapse(299.5);
        equal(await cache.get('default'), 1, 'the value after 299.5 seconds');
        await context.elapse(0.5 + context.resolutionInSeconds + 0.001);
        equal(await cache.get('default'), undefined, 'the value after 300 seconds');
        await context.elapse(50 * 365 * 24 * 3600);
        equal(await cache.get('forever'), 2, 'the value without expiration after 50 years');
      },
    },
    {
      name: 'keeps an item at least its lifetime, and hardly longer',
      waits: true,
      check: async (context) => {
        const cache = await context.create();
        if (context.options.advance !== undefined) await livesExactly(context, cache);
        else await Promise.all([0.3, 1, 1.25].map((lifetime) => livesAsLongAsItShould(context, cache, lifetime)));
      },
    },
    {
      name: 'replaces the lifetime when it replaces the value',
      waits: true,
      check: async (context) => {
        const cache = await context.create();
        await cache.set('longer', 1, context.shortLifetimeInSeconds);
        await cache.set('longer', 2, 600);
        await cache.set('endless', 1, context.shortLifetimeInSeconds);
        await cache.set('endless', 2, null);
        await cache.set('shorter', 1, null);
        await cache.set('shorter', 2, context.shortLifetimeInSeconds);
        await context.outlive();
        equal(await cache.get('longer'), 2, 'the value whose lifetime was lengthened');
        equal(await cache.get('endless'), 2, 'the value whose lifetime was taken away');
        equal(await cache.get('shorter'), undefined, 'the value whose lifetime was shortened');
      },
    },
    {
      name: 'shows an expired item to no call',
      waits: true,
      check: async (context) => {
        const cache = await context.create();
        for (const key of ['a', 'b', 'c', 'd', 'e', 'f']) await cache.set(key, 'old', context.shortLifetimeInSeconds);
        await cache.set('live', 'new', null);
        await context.outlive();
        if (context.has('iteration')) equal(await listed(cache.keys()), ['live'], 'the keys');
        if (context.has('inspection')) equal(await cache.inspect('a'), undefined, 'inspect');
        if (context.has('batch')) equal(await cache.mget(['a', 'live', 'b']), [undefined, 'new', undefined], 'mget');
        if (context.has('leases')) {
          equal((await cache.getEntries(['a']))[0], { state: 'missing' }, 'getEntries');
          equal(await cache.expireItem('b'), false, 'expireItem');
          equal((await cache.getOrLease('c')).state, 'missing', 'the state that getOrLease answers');
        }
        if (context.has('atomic')) {
          equal(await cache.getTtl('a'), undefined, 'getTtl');
          equal(await cache.removeIfEquals('a', 'old'), false, 'removeIfEquals');
          equal(await cache.setTtlIfEquals('a', 'old', 1000), false, 'setTtlIfEquals');
          equal(await cache.setWithNx('d', 'fresh'), true, 'setWithNx');
          equal(await cache.increment('e', 7), 7, 'increment');
        }
        equal(await cache.exists('a'), false, 'exists');
        equal(await cache.removeItem('a'), false, 'removeItem');
        if (context.has('batch')) equal(await cache.removeItems(['b', 'f', 'live']), 1, 'removeItems');
        equal(await cache.get('f'), undefined, 'get');
      },
    },
    {
      name: 'starts a new lifetime for an item stored after the old one expired',
      waits: true,
      check: async (context) => {
        const cache = await context.create();
        await cache.set('k', 1, context.shortLifetimeInSeconds);
        await context.outlive();
        await cache.set('k', 2, 600);
        equal(await cache.get('k'), 2);
        await context.outlive();
        equal(await cache.get('k'), 2, 'the value when the old lifetime has passed twice');
      },
    },
  ],
};

type CallWithLifetime = [name: string, call: (options: Expiration | SetOptions) => unknown];

/** Every call that takes a lifetime, by name; `increment`, `decrement` and `fill` take it in options only. */
function callsWithLifetime(context: RuleContext, cache: TestedCache): CallWithLifetime[] {
  const calls: CallWithLifetime[] = [['set', (options) => cache.set('k', 'changed', options)]];
  if (context.has('batch')) calls.push(['mset', (options) => cache.mset([['new', 1]], options)]);
  if (context.has('atomic')) {
    calls.push(['setWithNx', (options) => cache.setWithNx('new', 1, options)]);
    calls.push(['increment', (options) => cache.increment('new', 1, options as SetOptions)]);
    calls.push(['decrement', (options) => cache.decrement('new', 1, options as SetOptions)]);
    calls.push(['setTtlIfEquals', (options) => cache.setTtlIfEquals('new', 1, options as Expiration)]);
  }
  if (context.has('leases')) {
    calls.push(['fill', (options) => cache.fill({ key: 'new', token: 'none' }, 1, options as SetOptions)]);
  }
  return calls;
}

async function livesExactly(context: RuleContext, cache: TestedCache): Promise<void> {
  for (const lifetime of [0.5, 1, 90.25]) {
    await cache.set('k', 'v', lifetime);
    await context.elapse(lifetime - 0.01);
    equal(await cache.get('k'), 'v', `the value just before ${lifetime} seconds`);
    await context.elapse(0.011 + context.resolutionInSeconds);
    equal(await cache.get('k'), undefined, `the value just after ${lifetime} seconds`);
  }
}

/**
 * Polls until the item is gone. However long this process is held up, absence seen by a call that ended before
 * `stored + lifetime` is too early, and presence seen by one that began well after it too late.
 */
async function livesAsLongAsItShould(context: RuleContext, cache: TestedCache, lifetime: number): Promise<void> {
  const toleranceMs = 5;
  const key = `lives ${lifetime} s`;
  const beganAtMs = performance.now();
  await cache.set(key, 'v', lifetime);
  const endedAtMs = performance.now();
  const latestMs = endedAtMs + (lifetime + context.resolutionInSeconds + 0.1) * 1000 + toleranceMs;
  for (;;) {
    const askedAtMs = performance.now();
    const value = await cache.get(key);
    const answeredAtMs = performance.now();
    if (value === undefined) {
      const seconds = (answeredAtMs - beganAtMs) / 1000;
      ensure(
        seconds * 1000 + toleranceMs >= lifetime * 1000,
        `an item with ${lifetime} s to live was gone after ${seconds} s`,
      );
      return;
    }
    ensure(
      askedAtMs < latestMs,
      `an item with ${lifetime} s to live was there after ${(askedAtMs - endedAtMs) / 1000} s`,
    );
    await context.elapse(0.02);
  }
}
