/** What may be known of a driver's error. */
export interface RedactedCause {
  readonly name: string;
  readonly code: string | undefined;
}

/**
 * The name and code of a driver's error, fit for `CacheError.cause`. Drivers put values, keys and whole URLs with
 * passwords into messages and hidden properties; none of that is kept.
 */
export function redactedCause(error: unknown): RedactedCause {
  if (error === null) return { name: 'null', code: undefined };
  if (typeof error !== 'object') return { name: typeof error, code: undefined };
  const { name, code } = error as { name?: unknown; code?: unknown };
  return { name: identifier(name) ?? 'Error', code: identifier(code) };
}

function identifier(text: unknown): string | undefined {
  return typeof text === 'string' && /^[A-Za-z0-9_]{1,64}$/.test(text) ? text : undefined;
}
