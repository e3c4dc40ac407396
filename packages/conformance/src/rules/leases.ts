import { performance } from 'node:perf_hooks';
import { ABSENT, type FillOptions, type Lease, type LeaseOptions } from '@cache/core';
import { between, ensure, equal, refused, show } from '../assertions.ts';
import type { Rule, RuleGroup } from '../rule.ts';
import type { RuleContext } from '../rule-context.ts';
import { listed, type TestedCache } from '../tested-cache.ts';
import { leased, leaseOf, notLeased } from './leased.ts';

const FORGED_TOKENS: readonly string[] = ['', '0', '-', '*', '-'.repeat(16), '0'.repeat(16), 'x'.repeat(64)];

const rules: readonly Omit<Rule, 'needs'>[] = [
  {
    name: 'goes from missing with a lease, through fill, to fresh',
    check: async (context) => {
      const cache = await context.create();
      const lease = await leased(cache, 'k');
      equal(await cache.fill(lease, { a: 1 }, { expirationInSeconds: 1000 }), true, 'fill');
      equal(await cache.get('k'), { a: 1 }, 'get');
      const entry = await cache.getOrLease('k');
      ensure(entry.state === 'fresh', `the state should be fresh; got ${entry.state}`);
      equal(entry.value, { a: 1 }, 'the value');
      equal(leaseOf(entry), undefined, 'the lease of a fresh value');
      between(entry.remainingInSeconds, 970, 1000 + context.resolutionInSeconds, 'the seconds left');
    },
  },
  {
    name: 'answers a stored value as fresh, with its tags and what is left of its lifetime',
    check: async (context) => {
      const cache = await context.create();
      const tags = context.has('tags') ? ['b', 'a'] : [];
      await cache.set('k', 'v', { expirationInSeconds: 1000, ...(context.has('tags') ? { tags } : {}) });
      await cache.set('endless', 'v', null);
      for (const entry of [await cache.getOrLease('k'), ...(await cache.getEntries(['k']))]) {
        ensure(entry.state === 'fresh', `the state should be fresh; got ${entry.state}`);
        equal(entry.value, 'v', 'the value');
        equal([...entry.tags].sort(), [...tags].sort(), 'the tags');
        between(entry.remainingInSeconds, 970, 1000 + context.resolutionInSeconds, 'the seconds left');
        if (entry.ageInSeconds !== undefined) between(entry.ageInSeconds, 0, 30, 'the age');
      }
      const entry = await cache.getOrLease('endless');
      equal(entry.state === 'fresh' && entry.remainingInSeconds, null, 'the seconds left of null');
    },
  },
  {
    name: 'grants one lease a key, however many ask at once',
    check: async (context) => {
      const cache = await context.create();
      const entries = await Promise.all(Array.from({ length: 50 }, () => cache.getOrLease('k')));
      equal(
        entries.map(({ state }) => state),
        entries.map(() => 'missing'),
        'the states',
      );
      equal(entries.filter((entry) => leaseOf(entry) !== undefined).length, 1, 'the number of leases');
      await leased(cache, 'another');
    },
  },
  {
    name: 'hands a released lease to the next who asks',
    check: async (context) => {
      const cache = await context.create();
      const lease = await leased(cache, 'k');
      await notLeased(cache, 'k', 'missing');
      equal(await cache.release(lease), undefined, 'the answer of release');
      const next = await leased(cache, 'k');
      ensure(next.token !== lease.token, 'each lease should have a token of its own');
      await cache.release(lease);
      await notLeased(cache, 'k', 'missing');
      equal(await cache.fill(lease, 'late'), false, 'a fill under the released lease');
      equal(await cache.fill(next, 'v'), true, 'a fill under the next lease');
      await cache.release(next);
      equal(await cache.get('k'), 'v', 'the value after a release that came too late');
    },
  },
  {
    name: 'takes a lease once',
    check: async (context) => {
      const cache = await context.create();
      const lease = await leased(cache, 'k');
      equal(await cache.fill(lease, 1), true, 'the first fill');
      equal(await cache.fill(lease, 2), false, 'the second fill');
      equal(await cache.get('k'), 1, 'the value');
    },
  },
  {
    name: 'takes no token but its own',
    check: async (context) => {
      const cache = await context.create();
      const other = await leased(cache, 'other');
      const former = await leased(cache, 'k');
      await cache.release(former);
      const lease = await leased(cache, 'k');
      for (const token of [other.token, former.token, ...FORGED_TOKENS]) {
        equal(await cache.fill({ key: 'k', token }, 'forged'), false, `fill with the token ${show(token)}`);
        await cache.release({ key: 'k', token });
        await notLeased(cache, 'k', 'missing');
        equal(await cache.fill({ key: 'none', token }, 'forged'), false, 'fill of a key that nobody asked for');
      }
      equal(await cache.get('none'), undefined, 'the key that nobody asked for');
      equal(await cache.fill(lease, 'v'), true, 'fill with its own token');
      for (const token of FORGED_TOKENS)
        equal(await cache.fill({ key: 'k', token }, 'forged'), false, 'fill of a value');
      equal(await cache.get('k'), 'v', 'the value');
    },
  },
  {
    name: 'lets the next who asks take over when the lease has run out',
    waits: true,
    check: async (context) => {
      const cache = await context.create();
      const slow = await leased(cache, 'k', 'missing', { leaseInSeconds: context.shortLifetimeInSeconds });
      await context.outlive();
      const next = await leased(cache, 'k', 'missing', { leaseInSeconds: 600 });
      equal(await cache.fill(slow, 'late'), false, 'the fill of the one who was too slow');
      await cache.release(slow);
      await notLeased(cache, 'k', 'missing');
      equal(await cache.fill(next, 'v'), true, 'the fill of the one who took over');
      equal(await cache.get('k'), 'v', 'the value');
    },
  },
  {
    name: 'keeps a lease for as long as it was asked for, 10 seconds unless told otherwise',
    waits: true,
    check: async (context) => {
      const cache = await context.create();
      const asked = await leased(cache, 'asked', 'missing', { leaseInSeconds: 600 });
      const usual = await leased(cache, 'usual');
      await context.elapse(context.options.advance === undefined ? context.shortLifetimeInSeconds : 9.9);
      await notLeased(cache, 'asked', 'missing');
      await notLeased(cache, 'usual', 'missing');
      equal(await cache.fill(asked, 'v'), true, 'fill under the longer lease');
      equal(await cache.fill(usual, 'v'), true, 'fill under the usual lease');
    },
  },
  {
    name: 'renews a lease that is held, and no other',
    waits: true,
    check: async (context) => {
      const cache = await context.create();
      const held = await leasedAndRenewed(context, cache, 'held');
      const lost = await leased(cache, 'lost', 'missing', { leaseInSeconds: context.shortLifetimeInSeconds });
      const released = await leased(cache, 'released');
      await cache.release(released);
      const filled = await leased(cache, 'filled');
      await cache.fill(filled, 'v');
      const fenced = await leased(cache, 'fenced');
      await cache.removeItem('fenced');
      for (const lease of [released, filled, fenced, { key: 'held', token: lost.token }, { key: 'none', token: 'x' }]) {
        equal(await cache.renew(lease), false, `the renewal of "${lease.key}"`);
      }
      await context.outlive();
      equal(await cache.renew(lost), false, 'the renewal of a lease that ran out');
      await leased(cache, 'lost');
      await notLeased(cache, 'held', 'missing');
      equal(await cache.fill(held, 'v'), true, 'the fill under the renewed lease');
      equal(await cache.get('filled'), 'v', 'the value whose lease was not renewed');
    },
  },
  {
    name: 'may grant the lease of a fresh value to one who asks for it, and keeps the value readable',
    check: async (context) => {
      const cache = await context.create();
      const early = { evenIfFresh: true };
      await cache.fill(await leased(cache, 'k'), 'old', { staleInSeconds: 600, loadDurationMs: 1 });
      await notLeased(cache, 'k', 'fresh');
      const entry = await cache.getOrLease('k', early);
      equal(entry.state === 'fresh' && entry.value, 'old', 'the value');
      const lease = leaseOf(entry);
      if (lease === undefined) return;
      equal(await cache.get('k'), 'old', 'get while it is loaded anew');
      await notLeased(cache, 'k', 'fresh', early);
      equal(await cache.fill(lease, 'new'), true, 'the fill');
      equal(await cache.get('k'), 'new', 'the value after the fill');
      const next = leaseOf(await cache.getOrLease('k', early));
      if (next === undefined) return;
      await cache.removeItem('k');
      equal(await cache.fill(next, 'late'), false, 'the fill after a removal');
      equal(await cache.get('k'), undefined, 'the value after the removal');
    },
  },
  {
    name: 'keeps a filled value until its lifetime has passed, 300 seconds unless told otherwise',
    waits: true,
    check: async (context) => {
      const cache = await context.create();
      await cache.fill(await leased(cache, 'short'), 1, { expirationInSeconds: context.shortLifetimeInSeconds });
      await cache.fill(await leased(cache, 'usual'), 2);
      await cache.fill(await leased(cache, 'endless'), 3, { expirationInSeconds: null });
      const [, usual, endless] = await cache.getEntries(['short', 'usual', 'endless']);
      between(remaining(usual), 270, 300 + context.resolutionInSeconds, 'the seconds left by default');
      equal(remaining(endless), null, 'the seconds left of null');
      await context.outlive();
      equal(await cache.get('short'), undefined, 'the value whose lifetime has passed');
      equal(await cache.get('usual'), 2, 'the value with the usual lifetime');
      equal(await cache.get('endless'), 3, 'the value without one');
      await leased(cache, 'short');
    },
  },
  {
    name: 'shows a key that holds only a lease to no other call',
    check: async (context) => {
      const cache = await context.create();
      const keys = ['a', 'b', 'c', 'd', 'e', 'f', 'g'];
      for (const key of keys) await leased(cache, key);
      equal(await cache.get('a'), undefined, 'get');
      equal(await cache.exists('a'), false, 'exists');
      equal(await cache.getEntries(['a']), [{ state: 'missing' }], 'getEntries');
      equal(await cache.removeItem('b'), false, 'removeItem');
      equal(await cache.expireItem('c'), false, 'expireItem');
      if (context.has('batch')) {
        equal(await cache.mget(['a', 'd']), [undefined, undefined], 'mget');
        equal(await cache.removeItems(['d']), 0, 'removeItems');
      }
      if (context.has('iteration')) equal(await listed(cache.keys()), [], 'the keys');
      if (context.has('inspection')) equal(await cache.inspect('a'), undefined, 'inspect');
      if (context.has('atomic')) {
        equal(await cache.getTtl('a'), undefined, 'getTtl');
        equal(await cache.removeIfEquals('e', 'v'), false, 'removeIfEquals');
        equal(await cache.setTtlIfEquals('e', 'v', 1000), false, 'setTtlIfEquals');
        equal(await cache.setWithNx('f', 'v'), true, 'setWithNx');
        equal(await cache.increment('g', 5), 5, 'increment');
      }
    },
  },
  {
    name: 'grants nothing in getEntries, and answers in the order of the keys',
    check: async (context) => {
      const cache = await context.create();
      await cache.set('fresh', 'v');
      await cache.fill(await leased(cache, 'absent'), ABSENT);
      await cache.fill(await leased(cache, 'stale'), 'old', { staleInSeconds: 600 });
      await cache.expireItem('stale');
      const entries = await cache.getEntries(['missing', 'stale', 'fresh', 'absent', 'missing', 'fresh']);
      equal(
        entries.map(({ state }) => state),
        ['missing', 'stale', 'fresh', 'absent', 'missing', 'fresh'],
        'the states',
      );
      equal(
        entries.map(leaseOf),
        entries.map(() => undefined),
        'the leases',
      );
      equal(
        entries.map((entry) => ('value' in entry ? entry.value : undefined)),
        [undefined, 'old', 'v', undefined, undefined, 'v'],
        'the values',
      );
      equal(await cache.getEntries([]), [], 'the entries of no keys');
      await leased(cache, 'missing');
      await leased(cache, 'stale', 'stale');
    },
  },
  {
    name: 'remembers that there is no value, until that expires or is removed',
    waits: true,
    check: async (context) => {
      const cache = await context.create();
      const keys = ['a', 'b', 'c', 'd'];
      for (const key of keys) equal(await cache.fill(await leased(cache, key), ABSENT), true, `fill of ${key}`);
      await cache.fill(await leased(cache, 'short'), ABSENT, { expirationInSeconds: context.shortLifetimeInSeconds });
      await notLeased(cache, 'a', 'absent');
      equal(await cache.get('a'), undefined, 'get');
      equal(await cache.exists('a'), false, 'exists');
      if (context.has('batch')) equal(await cache.mget(['a', 'b']), [undefined, undefined], 'mget');
      if (context.has('iteration')) equal(await listed(cache.keys()), [], 'the keys');
      if (context.has('inspection')) equal(await cache.inspect('a'), undefined, 'inspect');
      if (context.has('atomic')) {
        equal(await cache.getTtl('a'), undefined, 'getTtl');
        equal(await cache.setWithNx('b', 'v'), true, 'setWithNx');
        equal(await cache.get('b'), 'v', 'the value stored by setWithNx');
      }
      await notLeased(cache, 'a', 'absent');
      equal(await cache.removeItem('a'), false, 'removeItem');
      await leased(cache, 'a');
      equal(await cache.expireItem('c'), false, 'expireItem');
      await leased(cache, 'c');
      await cache.set('d', 'v');
      equal(await cache.get('d'), 'v', 'the value stored over it');
      await context.outlive();
      await leased(cache, 'short');
    },
  },
  {
    name: 'keeps how long a load took with the value',
    check: async (context) => {
      const cache = await context.create();
      await cache.fill(await leased(cache, 'k'), 'v', { loadDurationMs: 12 });
      const entry = await cache.getOrLease('k');
      equal(entry.state === 'fresh' && entry.loadDurationMs, 12, 'the duration of the load');
      await cache.set('plain', 'v');
      const plain = await cache.getOrLease('plain');
      equal(plain.state === 'fresh' && plain.loadDurationMs, undefined, 'the duration of no load');
    },
  },
  {
    name: 'refuses a lease or a stale window that is no time, and the lease stays good',
    check: async (context) => {
      const cache = await context.create();
      const noTimes = [-1, Number.NaN, Number.POSITIVE_INFINITY, '5', true, 2 ** 53] as unknown as number[];
      for (const leaseInSeconds of [0, ...noTimes]) {
        const what = `getOrLease with leaseInSeconds ${show(leaseInSeconds)}`;
        await refused(() => cache.getOrLease('k', { leaseInSeconds }), 'ERR_CACHE_OPTION', what);
      }
      const lease = await leased(cache, 'k');
      for (const leaseInSeconds of [0, ...noTimes]) {
        await refused(
          () => cache.renew(lease, leaseInSeconds),
          'ERR_CACHE_OPTION',
          `renew for ${show(leaseInSeconds)}`,
        );
      }
      for (const staleInSeconds of noTimes) {
        const refusals: [string, (options: LeaseOptions & FillOptions) => unknown][] = [
          ['getOrLease', (options) => cache.getOrLease('k', options)],
          ['fill', (options) => cache.fill(lease, 'v', options)],
        ];
        for (const [name, call] of refusals) {
          const what = `${name} with staleInSeconds ${show(staleInSeconds)}`;
          await refused(() => call({ staleInSeconds }), 'ERR_CACHE_OPTION', what);
        }
      }
      await refused(() => cache.fill(lease, 'v', { expirationInSeconds: 0 }), 'ERR_CACHE_OPTION', 'fill for 0 seconds');
      await refused(() => cache.fill(lease, null as never), 'ERR_CACHE_VALUE', 'fill with null');
      equal(await cache.fill(lease, 'v', { staleInSeconds: 0 }), true, 'the fill after all refusals');
    },
  },
];

/** A process that was held up may have lost the lease before it could renew it: only then it tries again. */
async function leasedAndRenewed(context: RuleContext, cache: TestedCache, key: string): Promise<Lease> {
  const leaseInSeconds = context.shortLifetimeInSeconds;
  for (;;) {
    const beganAtMs = performance.now();
    const lease = await leased(cache, key, 'missing', { leaseInSeconds });
    if (await cache.renew(lease, 600)) return lease;
    const wasHeldUp = performance.now() - beganAtMs >= leaseInSeconds * 1000;
    ensure(wasHeldUp, 'the renewal of a lease that is held should be true');
  }
}

function remaining(entry: object | undefined): unknown {
  return (entry as { remainingInSeconds?: unknown } | undefined)?.remainingInSeconds;
}

export const leaseRules: RuleGroup = {
  title: 'leases',
  rules: rules.map((rule) => ({ ...rule, needs: ['leases'] })),
};
