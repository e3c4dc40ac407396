import type { Invalidation } from '@cache/core';

/** How many invalidations one message carries. */
export const MAX_INVALIDATIONS_PER_MESSAGE = 1_000;

/** What a message of the bus says, as it is stored: `[["k","user:1"],["t","users"],["c"]]`. */
export function encodeInvalidations(invalidations: readonly Invalidation[]): string {
  return JSON.stringify(
    invalidations.map((invalidation) => {
      switch (invalidation.kind) {
        case 'key':
          return ['k', invalidation.key];
        case 'tag':
          return ['t', invalidation.tag];
        case 'clearPrefix':
          return ['p', invalidation.prefix];
        default:
          return ['c'];
      }
    }),
  );
}

/** What a message says; `undefined` if it is none of ours. */
export function decodeInvalidations(message: string): Invalidation[] | undefined {
  try {
    const parsed: unknown = JSON.parse(message);
    if (!Array.isArray(parsed)) return undefined;
    const invalidations = parsed.map(decodeInvalidation);
    return invalidations.every((invalidation) => invalidation !== undefined) ? invalidations : undefined;
  } catch {
    return undefined;
  }
}

function decodeInvalidation(entry: unknown): Invalidation | undefined {
  if (!Array.isArray(entry)) return undefined;
  const [kind, name] = entry as unknown[];
  if (kind === 'c') return { kind: 'clear' };
  if (typeof name !== 'string') return undefined;
  if (kind === 'k') return { kind: 'key', key: name };
  if (kind === 'p') return { kind: 'clearPrefix', prefix: name };
  return kind === 't' ? { kind: 'tag', tag: name } : undefined;
}
