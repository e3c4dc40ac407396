import { describeCache, EVERY_CAPABILITY } from '@cache/conformance';
import { toAsync } from '@cache/core';
import { MapCache, newStore, type Store } from './map-cache.ts';

function storeByNamespace(): (namespace: string) => Store {
  const stores = new Map<string, Store>();
  return (namespace) => {
    const store = stores.get(namespace) ?? newStore();
    stores.set(namespace, store);
    return store;
  };
}

const storeOf = storeByNamespace();
let now = 0;

describeCache({
  name: 'a map with a clock of its own',
  create: ({ namespace, ...options }) => new MapCache({ store: storeOf(namespace), now: () => now, ...options }),
  capabilities: EVERY_CAPABILITY,
  advance: (seconds) => {
    now += seconds;
  },
});

describeCache({
  name: 'an asynchronous map in real time',
  create: ({ namespace, ...options }) => toAsync(new MapCache({ store: storeOf(namespace), ...options })),
  capabilities: EVERY_CAPABILITY,
});
