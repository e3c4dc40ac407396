import { InProcessBusHub, toAsync } from '@cache/core';
import { InMemoryCache } from '@cache/memory';
import { createCache, type StackCache } from '@cache/stack';
import { describe, expect, it } from '@jest/globals';

/** Two processes: a first level each, one second level, a bus between them. */
function twoProcesses(): { one: StackCache; two: StackCache; l2: InMemoryCache } {
  const hub = new InProcessBusHub();
  const l2 = new InMemoryCache({ maxSize: 1000 });
  const process = () => createCache({ l1: new InMemoryCache({ maxSize: 100 }), l2: toAsync(l2), bus: hub.connect() });
  return { one: process(), two: process(), l2 };
}

function deferred<T>() {
  let resolve: (value: T) => void = () => {};
  let reject: (error: unknown) => void = () => {};
  const promise = new Promise<T>((give, fail) => {
    resolve = give;
    reject = fail;
  });
  return { promise, resolve, reject };
}

describe('getOrSet', () => {
  it('loads once for any number of callers in any process', async () => {
    const { one, two } = twoProcesses();
    let loads = 0;
    const loader = async () => {
      loads += 1;
      await new Promise((done) => setTimeout(done, 20));
      return loads;
    };
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, index) => (index % 2 === 0 ? one : two).getOrSet('k', loader)),
    );
    expect(new Set(answers)).toEqual(new Set([1]));
    expect(loads).toBe(1);
  });

  it('returns what was loaded before an invalidation to who waited for it, and stores it nowhere', async () => {
    const { one, two, l2 } = twoProcesses();
    const source = deferred<string>();
    const waiting = one.getOrSet('k', () => source.promise);
    await new Promise((done) => setImmediate(done));
    await two.removeItem('k');
    source.resolve('old');
    expect(await waiting).toBe('old');
    expect(l2.get('k')).toBe(undefined);
    expect(await one.get('k')).toBe(undefined);
    expect(await one.getOrSet('k', () => 'new')).toBe('new');
    expect(await two.get('k')).toBe('new');
  });

  it('does not let a caller join a load that began before an invalidation', async () => {
    const { one } = twoProcesses();
    const source = deferred<string>();
    const early = one.getOrSet('k', () => source.promise);
    await new Promise((done) => setImmediate(done));
    await one.invalidateTags(['any']);
    const late = one.getOrSet('k', () => 'new');
    await new Promise((done) => setImmediate(done));
    source.resolve('old');
    expect(await early).toBe('old');
    expect(['old', 'new']).toContain(await late);
  });

  it('gives every waiter the loader’s own error, once, and backs off', async () => {
    const { one } = twoProcesses();
    const failure = new Error('source is down');
    let calls = 0;
    const loader = () => {
      calls += 1;
      throw failure;
    };
    const outcomes = await Promise.allSettled([one.getOrSet('k', loader), one.getOrSet('k', loader)]);
    expect(outcomes.map((outcome) => outcome.status === 'rejected' && outcome.reason)).toEqual([failure, failure]);
    await expect(one.getOrSet('k', loader)).rejects.toBe(failure);
    expect(calls).toBe(1);
    expect(await one.getOrSet('k', () => 'better', { force: true })).toBe('better');
  });

  it('serves the stale copy at once while one load refreshes it', async () => {
    const { one, two } = twoProcesses();
    const options = { expirationInSeconds: 60, staleInSeconds: 60 };
    await one.getOrSet('k', () => 'first', options);
    await one.expireItem('k');
    const source = deferred<string>();
    let loads = 0;
    const loader = () => {
      loads += 1;
      return source.promise;
    };
    const answers = await Promise.all([one, two, one, two].map((cache) => cache.getOrSetEntry('k', loader, options)));
    expect(answers.map((answer) => [answer?.value, answer?.source])).toEqual(Array(4).fill(['first', 'stale']));
    expect(loads).toBe(1);
    source.resolve('second');
    await new Promise((done) => setTimeout(done, 5));
    expect(await two.get('k')).toBe('second');
  });

  it('loads many keys with one call', async () => {
    const { one } = twoProcesses();
    await one.set('a', 1);
    const asked: string[][] = [];
    const { values, errors } = await one.getOrSetMany(['a', 'b', 'c', 'd', 'b'], (missing, context) => {
      asked.push([...missing]);
      context.fail('d', new Error('no d'));
      return new Map([
        ['b', 2],
        ['c', 3],
      ]);
    });
    expect(asked).toEqual([['b', 'c', 'd']]);
    expect(Object.fromEntries(values)).toEqual({ a: 1, b: 2, c: 3 });
    expect([...errors.keys()]).toEqual(['d']);
    expect(await one.mget(['a', 'b', 'c', 'd'])).toEqual([1, 2, 3, undefined]);
  });

  it('a caller that gives up harms no other', async () => {
    const { one } = twoProcesses();
    const source = deferred<string>();
    const abort = new AbortController();
    const leaving = one.getOrSet('k', () => source.promise, { signal: abort.signal });
    const staying = one.getOrSet('k', () => 'never called');
    abort.abort(new Error('gone'));
    await expect(leaving).rejects.toThrow('gone');
    source.resolve('value');
    expect(await staying).toBe('value');
    expect(await one.get('k')).toBe('value');
  });
});
