import { InProcessBusHub, type Invalidation, type InvalidationListener } from '@cache/core';
import { describe, expect, test } from '@jest/globals';

function recorder(): InvalidationListener & { heard: string[] } {
  const heard: string[] = [];
  return {
    heard,
    onInvalidation: (invalidation, origin) => {
      heard.push(`${origin}: ${Object.values(invalidation).join(' ')}`);
    },
    onGap: (reason) => {
      heard.push(`gap ${reason}`);
    },
  };
}

const INVALIDATIONS: readonly Invalidation[] = [
  { kind: 'key', key: 'k' },
  { kind: 'tag', tag: 't' },
  { kind: 'clear' },
];

describe('InProcessBus', () => {
  test('tells everybody on its hub, itself included, in order, before publish fulfils', async () => {
    const hub = new InProcessBusHub();
    const [one, two] = [hub.connect(), hub.connect()];
    const [atOne, atTwo] = [recorder(), recorder()];
    one.subscribe(atOne);
    two.subscribe(atTwo);
    await one.publish(INVALIDATIONS);
    const expected = ['gap connected', ...['key k', 'tag t', 'clear'].map((text) => `${one.origin}: ${text}`)];
    expect(atOne.heard).toEqual(expected);
    expect(atTwo.heard).toEqual(expected);
    expect(one.origin).not.toBe(two.origin);
  });

  test('tells nobody on another hub', async () => {
    const listener = recorder();
    new InProcessBusHub().connect().subscribe(listener);
    await new InProcessBusHub().connect().publish(INVALIDATIONS);
    expect(listener.heard).toEqual(['gap connected']);
  });

  test('is live until it is closed', async () => {
    const bus = new InProcessBusHub().connect();
    const before = performance.now();
    expect(bus.liveAtMs).toBeGreaterThanOrEqual(before);
    expect(bus.liveAtMs).toBeLessThanOrEqual(performance.now());
    await bus.close();
    await bus.close();
    expect(bus.liveAtMs).toBeUndefined();
  });

  test('tells nothing to those who unsubscribed or closed, and goes on for the others', async () => {
    const hub = new InProcessBusHub();
    const [one, two, three] = [hub.connect(), hub.connect(), hub.connect()];
    const [gone, closed, there] = [recorder(), recorder(), recorder()];
    const unsubscribe = one.subscribe(gone);
    two.subscribe(closed);
    three.subscribe(there);
    unsubscribe();
    unsubscribe();
    await two.close();
    await one.publish([{ kind: 'key', key: 'k' }]);
    expect(gone.heard).toEqual(['gap connected']);
    expect(closed.heard).toEqual(['gap connected']);
    expect(there.heard).toHaveLength(2);
  });

  test('rejects what it cannot publish after close, instead of losing it silently', async () => {
    const bus = new InProcessBusHub().connect();
    await bus.close();
    await expect(bus.publish(INVALIDATIONS)).rejects.toMatchObject({ code: 'ERR_CACHE_CLOSED' });
  });

  test('tells everybody even if one listener throws, and lets the publisher know', async () => {
    const hub = new InProcessBusHub();
    const [one, two] = [hub.connect(), hub.connect()];
    const there = recorder();
    const error = new Error('mine');
    one.subscribe({
      onGap: () => undefined,
      onInvalidation: () => {
        throw error;
      },
    });
    one.subscribe(there);
    two.subscribe(there);
    await expect(one.publish(INVALIDATIONS)).rejects.toBe(error);
    expect(there.heard.filter((text) => text.includes('clear'))).toHaveLength(2);
  });
});
