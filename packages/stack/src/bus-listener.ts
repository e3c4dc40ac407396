import type { Invalidation, InvalidationBus } from '@cache/core';
import type { WriteScope } from './coherent-writes.ts';

/** How many stacks of this process listen to a bus. */
const stacksOn = new WeakMap<InvalidationBus, number>();

/**
 * Forgets what other processes invalidate, and everything at a gap. This stack's own writes were forgotten twice already; a
 * third time would drop what came after them, so they are passed over, unless another stack shares the bus: its messages
 * carry the same origin.
 *
 * @returns ends listening
 */
export function listenToBus(bus: InvalidationBus, forget: (scope: WriteScope) => void, onGap: () => void): () => void {
  const change = (by: 1 | -1): void => {
    stacksOn.set(bus, (stacksOn.get(bus) ?? 0) + by);
  };
  change(1);
  const unsubscribe = bus.subscribe({
    onInvalidation: (invalidation, origin) => {
      if (origin !== bus.origin || stacksOn.get(bus) !== 1) forget(scopeOf(invalidation));
    },
    onGap: () => {
      onGap();
      forget({ all: true });
    },
  });
  return () => {
    unsubscribe();
    change(-1);
  };
}

function scopeOf(invalidation: Invalidation): WriteScope {
  switch (invalidation.kind) {
    case 'key':
      return { keys: [invalidation.key] };
    case 'tag':
      return { tags: [invalidation.tag] };
    case 'clear':
      return { all: true };
    case 'clearPrefix':
      return { prefix: invalidation.prefix };
  }
}
