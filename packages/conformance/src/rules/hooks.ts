import { AsyncLocalStorage } from 'node:async_hooks';
import { type Awaitable, type CacheHooks, type CacheKeyEvent, hasErrorCode } from '@cache/core';
import { ensure, equal, refused } from '../assertions.ts';
import type { Rule, RuleGroup } from '../rule.ts';
import { RecordedEvents } from './recorded-events.ts';

const rules: readonly Rule[] = [
  {
    name: 'tells of hits, misses, sets and removals with the key, and once of each call',
    check: async (context) => {
      const events = new RecordedEvents();
      const cache = await context.create({ hooks: events });
      await cache.get('k');
      await cache.set('k', 'v');
      await cache.get('k');
      await cache.removeItem('k');
      await cache.removeItem('k');
      equal(events.keyEvents(), ['miss get k', 'set set k', 'hit get k', 'remove removeItem k']);
      equal(events.calls(), ['get miss', 'set done', 'get hit', 'removeItem done', 'removeItem done']);
      events.ensureWellFormed();
    },
  },
  {
    name: 'tells of no hit and no miss when it is only asked about an item',
    check: async (context) => {
      const events = new RecordedEvents();
      const cache = await context.create({ hooks: events });
      await cache.set('k', 'v');
      events.forget();
      for (const key of ['k', 'none']) {
        await cache.exists(key);
        if (context.has('atomic')) await cache.getTtl(key);
        if (context.has('inspection')) await cache.inspect(key);
      }
      if (context.has('atomic')) await cache.setWithNx('k', 'w');
      equal(events.keyEvents(), [], 'the events of keys');
      ensure(events.calls().length >= 2, 'each call should be told of');
      events.ensureWellFormed();
    },
  },
  {
    name: 'tells of clears as calls',
    check: async (context) => {
      const events = new RecordedEvents();
      const cache = await context.create({ hooks: events });
      await cache.clear();
      if (context.has('iteration')) await cache.clearPrefix('a');
      equal(events.calls(), ['clear done', ...(context.has('iteration') ? ['clearPrefix done'] : [])]);
    },
  },
  {
    name: 'tells of each key of a batch, and once of the batch',
    needs: ['batch'],
    check: async (context) => {
      const events = new RecordedEvents();
      const cache = await context.create({ hooks: events });
      await cache.mset([
        ['a', 1],
        ['b', 2],
      ]);
      equal(events.keyEvents().sort(), ['set mset a', 'set mset b'], 'the events of mset');
      equal(events.callNames(), ['mset'], 'the calls');
      events.forget();
      await cache.mget(['a', 'none', 'b']);
      equal(events.keyEvents().sort(), ['hit mget a', 'hit mget b', 'miss mget none'], 'the events of mget');
      equal(events.callNames(), ['mget'], 'the calls');
      events.forget();
      await cache.removeItems(['a', 'none', 'b']);
      equal(events.keyEvents().sort(), ['remove removeItems a', 'remove removeItems b'], 'the events of removeItems');
      equal(events.callNames(), ['removeItems'], 'the calls');
      events.ensureWellFormed();
    },
  },
  {
    name: 'tells of atomic calls that store or remove',
    needs: ['atomic'],
    check: async (context) => {
      const events = new RecordedEvents();
      const cache = await context.create({ hooks: events });
      await cache.increment('n');
      await cache.decrement('n');
      await cache.setWithNx('k', 'v');
      await cache.setWithNx('k', 'w');
      await cache.setTtlIfEquals('k', 'v', 10);
      await cache.removeIfEquals('k', 'w');
      await cache.removeIfEquals('k', 'v');
      equal(events.keyEvents(), ['set increment n', 'set decrement n', 'set setWithNx k', 'remove removeIfEquals k']);
      equal(
        events.callNames(),
        ['increment', 'decrement', 'setWithNx', 'setWithNx', 'setTtlIfEquals', 'removeIfEquals', 'removeIfEquals'],
        'the calls',
      );
    },
  },
  {
    name: 'tells of invalidated tags as a call',
    needs: ['tags'],
    check: async (context) => {
      const events = new RecordedEvents();
      const cache = await context.create({ hooks: events });
      await cache.invalidateTags(['t']);
      await cache.expireTags(['t']);
      equal(events.calls(), ['invalidateTags done', 'expireTags done']);
    },
  },
  {
    name: 'tells of the load path: miss, fill as a set, hit, stale',
    needs: ['leases'],
    check: async (context) => {
      const events = new RecordedEvents();
      const cache = await context.create({ hooks: events });
      const missing = await cache.getOrLease('k');
      const lease = missing.state === 'missing' ? missing.lease : undefined;
      ensure(lease !== undefined, 'the lease should be granted');
      await cache.fill(lease, 'v', { staleInSeconds: 600 });
      await cache.fill(lease, 'late');
      await cache.getOrLease('k');
      equal(events.keyEvents(), ['miss getOrLease k', 'set fill k', 'hit getOrLease k']);
      equal(events.calls(), ['getOrLease miss', 'fill done', 'fill done', 'getOrLease hit']);
      events.forget();
      await cache.expireItem('k');
      await cache.getOrLease('k');
      equal(events.calls().at(-1), 'getOrLease stale', 'the outcome for a stale copy');
    },
  },
  {
    name: 'tells of each call in the async context of its caller, also where many call at once',
    check: async (context) => {
      const request = new AsyncLocalStorage<string>();
      const told: string[] = [];
      const onKey = ({ operation, key }: CacheKeyEvent): number =>
        told.push(`${operation} ${key} in ${request.getStore()}`);
      const cache = await context.create({
        hooks: {
          onHit: onKey,
          onMiss: onKey,
          onSet: onKey,
          onOperation: ({ operation }) => told.push(`${operation} in ${request.getStore()}`),
          onError: ({ operation }) => told.push(`${operation} failed in ${request.getStore()}`),
        },
      });
      const requests = ['a', 'b', 'c'];
      const together = async (
        operation: string,
        ofOne: readonly string[],
        call: (id: string) => Awaitable<unknown>,
      ) => {
        told.length = 0;
        await Promise.all(requests.map((id) => request.run(id, async () => call(id))));
        const expected = requests.flatMap((id) => ofOne.map((event) => `${event.replace('KEY', id)} in ${id}`));
        equal([...told].sort(), expected.sort(), `what hooks hear of ${operation}, and where`);
      };
      await together('get of nothing', ['get KEY', 'get'], (id) => cache.get(id));
      await together('set', ['set KEY', 'set'], (id) => cache.set(id, 'v'));
      await together('get', ['get KEY', 'get'], (id) => cache.get(id));
      await together('a refused get', ['get failed', 'get'], async () => {
        await refused(async () => cache.get(''), 'ERR_CACHE_KEY', 'get');
      });
      if (context.has('batch')) await together('mget', ['mget KEY', 'mget'], (id) => cache.mget([id]));
      if (context.has('leases')) {
        await together('getOrLease', ['getOrLease KEY', 'getOrLease'], (id) => cache.getOrLease(id));
      }
    },
  },
  {
    name: 'tells of calls that fail, with their error',
    check: async (context) => {
      const events = new RecordedEvents();
      const cache = await context.create({ hooks: events });
      await refused(() => cache.get(''), 'ERR_CACHE_KEY', 'get');
      await refused(() => cache.set('k', null as never), 'ERR_CACHE_VALUE', 'set');
      await refused(() => cache.set('k', 1, 0), 'ERR_CACHE_OPTION', 'set');
      equal(events.calls(), ['get error', 'set error', 'set error']);
      equal(events.errors(), ['get ERR_CACHE_KEY', 'set ERR_CACHE_VALUE', 'set ERR_CACHE_OPTION']);
      equal(events.keyEvents(), [], 'the events of keys');
      events.ensureWellFormed();
    },
  },
  {
    name: 'is not harmed by hooks that throw or reject',
    check: async (context) => {
      const fail = (): never => {
        throw new Error('a hook that throws');
      };
      const reject = async (): Promise<never> => fail();
      const hooks: CacheHooks[] = [fail, reject].map((hook) => ({
        onHit: hook,
        onMiss: hook,
        onSet: hook,
        onRemove: hook,
        onError: hook,
        onOperation: hook,
      }));
      const events = new RecordedEvents();
      const cache = await context.create({ hooks: [...hooks, events] });
      await cache.set('k', 'v');
      equal(await cache.get('k'), 'v', 'get');
      equal(await cache.removeItem('k'), true, 'removeItem');
      equal(await cache.get('k'), undefined, 'get of nothing');
      await refused(() => cache.get(''), 'ERR_CACHE_KEY', 'get with a bad key');
      equal(
        events.keyEvents(),
        ['set set k', 'hit get k', 'remove removeItem k', 'miss get k'],
        'what other hooks hear',
      );
    },
  },
  {
    name: 'gives hooks errors that carry a code',
    check: async (context) => {
      const errors: unknown[] = [];
      const cache = await context.create({ hooks: { onError: ({ error }) => errors.push(error) } });
      await refused(() => cache.removeItem('a\0b'), 'ERR_CACHE_KEY', 'removeItem');
      equal(
        errors.map((error) => hasErrorCode(error, 'ERR_CACHE_KEY')),
        [true],
      );
    },
  },
];

export const hookRules: RuleGroup = {
  title: 'hooks',
  rules: rules.map((rule) => ({ ...rule, needs: ['hooks', ...(rule.needs ?? [])] })),
};
