import { type CacheErrorContext, CacheOptionError } from './cache-error.ts';
import type { Serializer } from './serializer.ts';

const FORMATS: ReadonlySet<unknown> = new Set(['json', 'binary', 'mixed']);

/**
 * Passes if this is a serializer. `JSON` is none: what it does not know it drops or changes without a word.
 *
 * @throws CacheOptionError for anything without `format`, `serialize` and `deserialize`, and, of a mixed one, `formatBytes`
 */
export function validateSerializer(serializer: Serializer, context?: CacheErrorContext): void {
  // Every other primitive has properties to ask for; null and undefined have none.
  const { format, serialize, deserialize } = (serializer ?? {}) as Partial<Serializer>;
  const isComplete = format !== 'mixed' || Array.isArray((serializer as { formatBytes?: unknown }).formatBytes);
  if (FORMATS.has(format) && typeof serialize === 'function' && typeof deserialize === 'function' && isComplete) return;
  throw new CacheOptionError(
    'A serializer has format, serialize and deserialize, as jsonSerializer() of @cache/core has, and a mixed one formatBytes.',
    context,
  );
}
