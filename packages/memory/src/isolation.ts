import { CacheValueError } from '@cache/core';

/**
 * What happens to a value between the caller and the cache:
 * `'reference'` stores and returns the very object; `'clone'` copies it with `structuredClone` on the way in and out;
 * `'freeze'` freezes it all the way down on the way in and returns that.
 */
export type Isolation = 'reference' | 'clone' | 'freeze';

/**
 * A copy that shares nothing with the value.
 *
 * @throws CacheValueError for what `structuredClone` cannot copy, such as a function
 */
export function cloneValue<V>(value: V, key: string): V {
  if (typeof value !== 'object' && typeof value !== 'function') return value;
  try {
    return structuredClone(value);
  } catch (cause) {
    throw new CacheValueError('The value holds something that structuredClone cannot copy, such as a function.', {
      operation: 'set',
      backend: 'memory',
      key,
      cause: cause instanceof Error ? cause.name : typeof cause,
    });
  }
}

/**
 * The value itself, frozen all the way down.
 *
 * @throws CacheValueError for what freezing does not protect: a Map, Set, Date, buffer or function can be changed all the same.
 * Nothing has been frozen then.
 */
export function freezeValue<V>(value: V, key: string): V {
  const found = new Map<object, string>();
  collect(value, '$', found, key);
  for (const object of found.keys()) Object.freeze(object);
  return value;
}

function collect(root: unknown, rootPath: string, found: Map<object, string>, key: string): void {
  const pending: [unknown, string][] = [[root, rootPath]];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const [value, path] = next;
    if ((typeof value !== 'object' && typeof value !== 'function') || value === null || found.has(value)) continue;
    if (typeof value === 'function' || !isFreezable(value)) {
      throw new CacheValueError(`The value at ${path} would stay mutable when frozen; use isolation 'clone'.`, {
        operation: 'set',
        backend: 'memory',
        key,
        path,
      });
    }
    found.set(value, path);
    for (const name of Object.keys(value)) {
      pending.push([
        (value as Record<string, unknown>)[name],
        Array.isArray(value) ? `${path}[${name}]` : `${path}.${name}`,
      ]);
    }
  }
}

function isFreezable(value: object): boolean {
  return !(
    value instanceof Map ||
    value instanceof Set ||
    value instanceof Date ||
    value instanceof ArrayBuffer ||
    value instanceof SharedArrayBuffer ||
    ArrayBuffer.isView(value)
  );
}
