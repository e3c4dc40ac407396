import { getEventListeners } from 'node:events';
import { describe, expect, it } from '@jest/globals';
import { deferred, World } from './processes.ts';

describe('one load for all who ask', () => {
  it('row 46: 100 callers of a cold key in one process make one load', async () => {
    const cache = new World().process();
    let loads = 0;
    const load = async () => ++loads;
    const answers = await Promise.all(Array.from({ length: 100 }, () => cache.getOrSet('k', load)));
    expect(answers).toEqual(Array(100).fill(1));
    expect(cache.statistics).toMatchObject({ loads: 1, joins: 99 });
  });

  it('callers that come while the load is under way join it, and load once', async () => {
    const cache = new World().process();
    const source = deferred<string>();
    let loads = 0;
    const load = () => {
      loads += 1;
      return source.promise;
    };
    const early = cache.getOrSet('k', load);
    await new Promise(setImmediate);
    const late = cache.getOrSet('k', load);
    source.resolve('value');
    expect(await Promise.all([early, late])).toEqual(['value', 'value']);
    expect(loads).toBe(1);
  });

  it('a caller who joins a load that another process fenced off loads anew, without any bus', async () => {
    const world = new World();
    const [one, two] = [world.plain(), world.plain()];
    const source = deferred<string>();
    const early = one.getOrSet('k', () => source.promise);
    await world.timers.advance(1);
    await two.removeItem('k');
    const late = one.getOrSet('k', () => 'new');
    await world.timers.advance(1);
    source.resolve('old');
    expect(await early).toBe('old');
    await world.timers.advance(1000);
    expect(await late).toBe('new');
    expect(one.statistics.fencedFills).toBe(1);
  });

  it('a waiter in another process gets the value without loading', async () => {
    const world = new World();
    const [one, two] = [world.process(), world.process()];
    const source = deferred<string>();
    const loading = one.getOrSet('k', () => source.promise);
    await world.timers.advance(1);
    const waiting = two.getOrSetEntry('k', () => 'never called');
    await world.timers.advance(1000);
    source.resolve('value');
    expect(await loading).toBe('value');
    await world.timers.advance(100);
    expect(await waiting).toMatchObject({ value: 'value', source: 'l2' });
    expect(two.statistics.loads).toBe(0);
  });
});

describe('a loader that fails', () => {
  it('row 18: gives every waiter its own error, called once, thrown at once or later', async () => {
    const failure = new Error('the source is down');
    for (const load of [
      () => Promise.reject(failure),
      () => {
        throw failure;
      },
    ]) {
      const cache = new World().process();
      const outcomes = await Promise.allSettled(Array.from({ length: 5 }, () => cache.getOrSet('k', load)));
      expect(outcomes.map((outcome) => outcome.status === 'rejected' && outcome.reason)).toEqual(
        Array(5).fill(failure),
      );
      expect(cache.statistics).toMatchObject({ loads: 1, failedLoads: 1 });
    }
  });

  it('is not called again until the back-off is over, and then is', async () => {
    const world = new World();
    const cache = world.process();
    const failure = new Error('the source is down');
    const fail = () => Promise.reject(failure);
    await expect(cache.getOrSet('k', fail)).rejects.toBe(failure);
    await world.timers.advance(999);
    await expect(cache.getOrSet('k', () => 'better')).rejects.toBe(failure);
    await world.timers.advance(1);
    expect(await cache.getOrSet('k', () => 'better')).toBe('better');
  });

  it('is called again at once when the key was invalidated, or the call forces it', async () => {
    const cache = new World().process();
    const fail = () => Promise.reject(new Error('the source is down'));
    await expect(cache.getOrSet('k', fail)).rejects.toThrow('down');
    await cache.removeItem('k');
    expect(await cache.getOrSet('k', () => 'removed')).toBe('removed');
    await cache.removeItem('k');
    await expect(cache.getOrSet('k', fail)).rejects.toThrow('down');
    expect(await cache.getOrSet('k', () => 'forced', { force: true })).toBe('forced');
  });

  it('leaves the lease to the next process', async () => {
    const world = new World();
    const [one, two] = [world.process(), world.process()];
    await expect(one.getOrSet('k', () => Promise.reject(new Error('down')))).rejects.toThrow('down');
    expect(await two.getOrSet('k', () => 'value')).toBe('value');
  });

  it('row 18: that never settles is given up after loadTimeoutMs, its signal aborted, and the lease is free', async () => {
    const world = new World();
    const cache = world.process();
    let signal: AbortSignal | undefined;
    const hanging = cache.getOrSet(
      'k',
      (context) => {
        signal = context.signal;
        return new Promise(() => {});
      },
      { loadTimeoutMs: 20_000 },
    );
    const outcome = expect(hanging).rejects.toMatchObject({ code: 'ERR_CACHE_TIMEOUT' });
    await world.timers.advance(20_000);
    await outcome;
    expect(signal?.aborted).toBe(true);
    expect(world.timers.pending).toBe(0);
    expect(await world.process().getOrSet('k', () => 'value')).toBe('value');
  });
});

describe('leases', () => {
  it('are renewed while a load runs, however long', async () => {
    const world = new World();
    const [one, two] = [world.process(), world.process()];
    const source = deferred<string>();
    const loading = one.getOrSet('k', () => source.promise, { leaseInSeconds: 1 });
    await world.timers.advance(15_000);
    expect(await world.store.getOrLease('k')).toEqual({ state: 'missing' });
    source.resolve('slow');
    expect(await loading).toBe('slow');
    expect(await two.get('k')).toBe('slow');
  });

  it('of a dead process cost one lease time', async () => {
    const world = new World();
    // What a process that died left behind.
    world.store.getOrLease('k', { leaseInSeconds: 2 });
    const answer = world.process().getOrSet('k', () => 'value');
    await world.timers.advance(1_900);
    expect(world.store.get('k')).toBe(undefined);
    await world.timers.advance(200);
    expect(await answer).toBe('value');
    expect(world.store.get('k')).toBe('value');
  });

  it('of others are waited for up to lockTimeoutMs; then the value is loaded and not stored', async () => {
    const world = new World();
    world.store.getOrLease('k', { leaseInSeconds: 60 });
    const cache = world.process();
    const answer = cache.getOrSetEntry('k', () => 'mine', { lockTimeoutMs: 3_000 });
    await world.timers.advance(2_900);
    expect(cache.statistics.loads).toBe(0);
    await world.timers.advance(200);
    expect(await answer).toMatchObject({ value: 'mine', source: 'loader' });
    expect(world.store.get('k')).toBe(undefined);
    expect(await cache.get('k')).toBe(undefined);
  });

  it('that are lost cost the fill and nothing else', async () => {
    const world = new World();
    const cache = world.process();
    const source = deferred<string>();
    const answer = cache.getOrSet('k', () => source.promise);
    await world.timers.advance(1);
    world.store.set('k', 'written by another program');
    source.resolve('loaded before');
    expect(await answer).toBe('loaded before');
    expect(await cache.get('k')).toBe('written by another program');
  });
});

describe('what a loader may say', () => {
  it('row 6: nothing found is undefined, and remembered only if asked', async () => {
    const cache = new World().process();
    let loads = 0;
    const load = () => {
      loads += 1;
      return null;
    };
    expect(await cache.getOrSet('k', load)).toBe(undefined);
    expect(await cache.getOrSet('k', load)).toBe(undefined);
    expect(loads).toBe(2);
    expect(await cache.getOrSet('k', load, { absentExpirationInSeconds: 10 })).toBe(undefined);
    expect(await cache.getOrSet('k', load, { absentExpirationInSeconds: 10 })).toBe(undefined);
    expect(loads).toBe(3);
    expect(await cache.get('k')).toBe(undefined);
    await cache.removeItem('k');
    expect(await cache.getOrSet('k', () => 'born')).toBe('born');
  });

  it('its lifetime, its tags, and that its value is not to be stored', async () => {
    const world = new World();
    const cache = world.process();
    await cache.getOrSet(
      'k',
      (context) => {
        context.setExpiration(7);
        context.addTags(['late']);
        return 'value';
      },
      { tags: ['early'] },
    );
    expect(await cache.getTtl('k')).toBe(7);
    await cache.invalidateTags(['late']);
    expect(await cache.get('k')).toBe(undefined);
    expect(
      await cache.getOrSet('k', (context) => {
        context.skip();
        return 'once';
      }),
    ).toBe('once');
    expect(await cache.get('k')).toBe(undefined);
  });

  it('it is told the key and the stale copy', async () => {
    const cache = new World().process();
    const options = { staleInSeconds: 60, softTimeoutMs: Number.POSITIVE_INFINITY };
    await cache.getOrSet('k', () => 'first', options);
    await cache.expireItem('k');
    const told: unknown[] = [];
    await cache.getOrSet(
      'k',
      ({ key, stale }) => {
        told.push(key, stale);
        return 'second';
      },
      options,
    );
    expect(told).toEqual(['k', 'first']);
  });
});

describe('callers who give up', () => {
  it('row 48: reject with their own reason, and harm no other', async () => {
    const cache = new World().process();
    const source = deferred<string>();
    const abort = new AbortController();
    const leaving = cache.getOrSet('k', () => source.promise, { signal: abort.signal });
    const staying = cache.getOrSet('k', () => 'never called');
    const reason = new Error('the request was cancelled');
    abort.abort(reason);
    await expect(leaving).rejects.toBe(reason);
    source.resolve('value');
    expect(await staying).toBe('value');
  });

  it('before they ask, ask nothing', async () => {
    const cache = new World().process();
    const load = () => 'value';
    await expect(cache.getOrSet('k', load, { signal: AbortSignal.abort() })).rejects.toThrow('aborted');
    await expect(cache.getOrSetMany(['k'], () => new Map(), { signal: AbortSignal.abort() })).rejects.toThrow(
      'aborted',
    );
    expect(cache.statistics.loads).toBe(0);
  });

  it('put one listener on a signal for any number of calls, and leave none behind', async () => {
    const cache = new World().process();
    const { signal } = new AbortController();
    const calls = Array.from({ length: 50 }, (_, index) => cache.getOrSet(`k${index}`, async () => index, { signal }));
    await Promise.resolve();
    expect(getEventListeners(signal, 'abort')).toHaveLength(1);
    await Promise.all(calls);
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });

  it('do not stop the load: its value is stored', async () => {
    const cache = new World().process();
    const source = deferred<string>();
    const abort = new AbortController();
    const leaving = cache.getOrSet('k', () => source.promise, { signal: abort.signal });
    await new Promise(setImmediate);
    abort.abort();
    await expect(leaving).rejects.toThrow('aborted');
    source.resolve('value');
    await new Promise(setImmediate);
    expect(await cache.get('k')).toBe('value');
  });
});
