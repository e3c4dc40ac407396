import { InMemoryCache } from '@cache/memory';
import { createCache, type SharedCache } from '@cache/stack';
import { runCount } from '@cache/test-servers';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { CoherenceOracle, type Known, type Versioned } from './coherence-oracle.ts';
import { type ScheduledBus, ScheduledHub, scheduledStore, scheduledTimers } from './scheduled-store.ts';

const KEY = 'k';
const TAGS = ['t'];

const reads = ['get', 'get', 'getOrSet', 'getOrSet', 'getOrSetMany', 'force', 'evictNear'] as const;
const writes = [
  'removeItem',
  'removeItem',
  'set',
  'invalidateTags',
  'invalidateTags',
  'removeItems',
  'expireTags',
  'expireItem',
  'clear',
  'breakBus',
] as const;

type Operation = (typeof reads)[number] | (typeof writes)[number];

/** What runs in which process: two readers in one share flights, and its writer's calls fall among theirs. */
const STRANDS = [
  { process: 0, operations: reads, maxLength: 6 },
  { process: 0, operations: reads, maxLength: 6 },
  { process: 0, operations: writes, maxLength: 2 },
  { process: 1, operations: reads, maxLength: 6 },
  { process: 1, operations: writes, maxLength: 2 },
] as const;

/** A process at work. */
interface Process {
  /** Reads when every message has arrived. */
  readAtRest(): Promise<void>;
  run(operation: Operation): Promise<void>;
}

/** The caches that are tried: the stack, and what people write instead. */
type Kind = 'two levels' | 'one shared level' | 'cache-aside' | 'near copies without poisoning';

interface Cache {
  get(): Promise<Versioned | undefined>;
  getOrSet(load: () => Promise<Versioned>, how: 'getOrSet' | 'force' | 'getOrSetMany'): Promise<Versioned | undefined>;
  set(value: Versioned): Promise<void>;
  invalidate(how: Operation): Promise<unknown>;
  evictNear(): void;
}

/** Runs what every process does, in the order that the scheduler picks, and gives the first complaint. */
async function play(
  kind: Kind,
  scripts: readonly (readonly Operation[])[],
  scheduler: fc.Scheduler,
): Promise<string | undefined> {
  const oracle = new CoherenceOracle();
  const store = scheduledStore(scheduler);
  const hub = new ScheduledHub(scheduler);
  let complaint: string | undefined;
  const load = async (): Promise<Versioned> => {
    await scheduler.schedule(Promise.resolve(), 'load begins');
    const value = oracle.load();
    await scheduler.schedule(Promise.resolve(), 'load ends');
    return value;
  };
  const processes = [0, 1].map(() => newProcess());
  function newProcess(): Process {
    const own = new Set<Parameters<CoherenceOracle['acknowledge']>[0]>();
    let told: Known = new Set();
    // Messages arrive in their order: with one, everything has arrived that was acknowledged before it was sent.
    const knowing = (known: Known) => () => {
      told = new Set([...told, ...known]);
    };
    const bus = hub.connect(
      () => knowing(oracle.known()),
      () => knowing(oracle.known())(),
    );
    const cache = newCache(kind, store, bus, scheduler);
    const known = (): Known => (kind === 'two levels' ? new Set([...own, ...told]) : oracle.known());
    const read = async (ask: () => Promise<Versioned | undefined>): Promise<void> => {
      const knownAtStart = known();
      complaint ??= oracle.complaint(await ask(), knownAtStart);
    };
    const write = async (isSet: boolean, tell: (value: Versioned) => Promise<unknown>): Promise<void> => {
      const change = oracle.change(isSet ? 'set' : 'invalidation');
      await tell({ version: change.version, from: 'set' });
      oracle.acknowledge(change);
      own.add(change);
    };
    return {
      readAtRest: async () => {
        complaint ??= oracle.complaint(await cache.get(), oracle.known());
      },
      run(operation) {
        switch (operation) {
          case 'get':
            return read(() => cache.get());
          case 'getOrSet':
          case 'force':
          case 'getOrSetMany':
            return read(() => cache.getOrSet(load, operation));
          case 'set':
            return write(true, (value) => cache.set(value));
          case 'evictNear':
            return Promise.resolve(cache.evictNear());
          case 'breakBus':
            return bus.breakDown();
          default:
            return write(false, () => cache.invalidate(operation));
        }
      },
    };
  }
  const strands = scripts.map(async (script, index) => {
    for (const operation of script) {
      await scheduler.schedule(Promise.resolve(), `${operation} begins`);
      await processes[STRANDS[index]?.process ?? 0]?.run(operation);
    }
  });
  await scheduler.waitFor(Promise.all(strands));
  await scheduler.waitIdle();
  await scheduler.waitFor(Promise.all(processes.map((process) => process.readAtRest())));
  return complaint;
}

function newCache(kind: Kind, store: SharedCache, bus: ScheduledBus, scheduler: fc.Scheduler): Cache {
  switch (kind) {
    case 'two levels':
    case 'one shared level':
      return stack(kind, store, bus, scheduler);
    case 'cache-aside':
      return cacheAside(store, () => {}, undefined);
    case 'near copies without poisoning': {
      const near = new Map<string, unknown>();
      bus.subscribe({ onInvalidation: () => near.clear(), onGap: () => near.clear() });
      return cacheAside(store, () => void bus.publish([{ kind: 'clear' }]), near);
    }
  }
}

function stack(kind: Kind, l2: SharedCache, bus: ScheduledBus, scheduler: fc.Scheduler): Cache {
  const near = new InMemoryCache({ maxSize: 10 });
  // Polls fire whenever they like; a lease is renewed and a wait given up only by tests of their own.
  const timers = scheduledTimers(scheduler, 100);
  const cache = createCache<Versioned>({
    ...(kind === 'two levels' && { l1: near as InMemoryCache<Versioned>, bus }),
    l2: l2 as SharedCache<Versioned>,
    timers,
    random: () => 0.5,
    defaults: { tags: TAGS },
  });
  return {
    get: () => cache.get(KEY),
    getOrSet: async (load, how) => {
      if (how !== 'getOrSetMany') return cache.getOrSet(KEY, load, { force: how === 'force' });
      const { values } = await cache.getOrSetMany([KEY, 'other'], async (missing) => {
        const value = await load();
        return new Map(missing.map((key) => [key, value]));
      });
      return values.get(KEY);
    },
    set: (value) => cache.set(KEY, value, { tags: TAGS }),
    invalidate: (how) => {
      if (how === 'removeItems') return cache.removeItems([KEY]);
      if (how === 'invalidateTags' || how === 'expireTags') return cache[how](TAGS);
      if (how === 'clear') return cache.clear();
      return how === 'expireItem' ? cache.expireItem(KEY) : cache.removeItem(KEY);
    },
    evictNear: () => void near.removeItem(KEY),
  };
}

/** Ask the store, else load and set: what every tutorial shows, with or without a Map in front. */
function cacheAside(store: SharedCache, tell: () => void, near: Map<string, unknown> | undefined): Cache {
  const get = async (): Promise<Versioned | undefined> => {
    const copy = near?.get(KEY) as Versioned | undefined;
    if (copy !== undefined) return copy;
    const value = await store.get<Versioned>(KEY);
    if (value !== undefined) near?.set(KEY, value);
    return value;
  };
  const invalidate = async (): Promise<void> => {
    await store.removeItem(KEY);
    near?.delete(KEY);
    tell();
  };
  return {
    get,
    getOrSet: async (load) => {
      const found = await get();
      if (found !== undefined) return found;
      // The near copies are judged alone: what they cannot be blamed for is that the store was filled too late.
      const value = await load();
      if (near === undefined) await store.set(KEY, value);
      return value;
    },
    set: async (value) => {
      await store.set(KEY, value);
      near?.delete(KEY);
      tell();
    },
    invalidate,
    evictNear: () => {},
  };
}

const scripts = fc.tuple(
  ...STRANDS.map(({ operations, maxLength }) =>
    fc.array(fc.constantFrom<Operation[]>(...operations), { minLength: 1, maxLength }),
  ),
);

function property(kind: Kind): fc.IAsyncProperty<[Operation[][], fc.Scheduler]> {
  return fc.asyncProperty(scripts, fc.scheduler(), async (given, scheduler) => {
    const complaint = await play(kind, given, scheduler);
    if (complaint !== undefined) throw new Error(complaint);
  });
}

describe('row 54: any schedule of calls, replies, messages, timers and broken connections', () => {
  it.each(['two levels', 'one shared level'] as const)(
    'shows nobody a value from before an acknowledged invalidation: %s',
    async (kind) => {
      await fc.assert(property(kind), { numRuns: runCount({ sample: 1_000, whole: 10_000 }) });
    },
    600_000,
  );

  it.each(['cache-aside', 'near copies without poisoning'] as const)(
    'finds the hole in %s',
    async (kind) => {
      const { failed, errorInstance } = await fc.check(property(kind), { numRuns: 2_000, endOnFailure: true });
      expect(failed).toBe(true);
      expect(String(errorInstance)).toMatch(/acknowledged/);
    },
    120_000,
  );
});
