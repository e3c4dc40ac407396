import type { CacheErrorContext, CacheOperation } from '@cache/core';

const contexts = new Map<CacheOperation, CacheErrorContext>();

/** One object an operation, as every call needs one. */
export function contextOf(operation: CacheOperation): CacheErrorContext {
  let context = contexts.get(operation);
  if (context === undefined) {
    context = { operation, backend: 'postgres' };
    contexts.set(operation, context);
  }
  return context;
}
