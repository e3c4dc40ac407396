import type { CacheErrorEvent, CacheOperation, CacheOutcome, SeriesLabels } from '@cache/core';
import type { Attributes } from '@opentelemetry/api';

/** What the conventions call the databases that our backends speak to. */
const DATABASE_SYSTEMS: Readonly<Record<string, string>> = { redis: 'redis', postgres: 'postgresql' };

/** `db.system.name` of a backend; `undefined` for one that is no database. */
export function databaseSystemOf(backend: string): string | undefined {
  return Object.hasOwn(DATABASE_SYSTEMS, backend) ? DATABASE_SYSTEMS[backend] : undefined;
}

/** What a call that failed without an error of ours is called: the conventions' fallback. */
export const OTHER_ERROR = '_OTHER';

/** `error.type` of a failed call: the code of the error. */
export function errorTypeOf({ error }: CacheErrorEvent): string {
  return typeof error.code === 'string' ? error.code : OTHER_ERROR;
}

/** How one kind of call is described in metrics and spans. */
export interface CallDescription {
  readonly operation: CacheOperation;
  readonly outcome: CacheOutcome;
  readonly level: string;
  readonly errorType: string;
}

/**
 * The attributes of a call: those of the database conventions where a database is called, and our own `cache.*` for what no
 * convention has a name for yet.
 */
export function callAttributes(cache: string, backend: string, call: CallDescription): Attributes {
  const { operation, outcome, level, errorType } = call;
  const system = databaseSystemOf(backend);
  return {
    'cache.name': cache,
    'cache.outcome': outcome,
    ...(level !== '' && { 'cache.level': level }),
    ...(system === undefined
      ? { 'cache.backend': backend, 'cache.operation': operation }
      : { 'db.system.name': system, 'db.operation.name': operation }),
    ...(errorType !== '' && { 'error.type': errorType }),
  };
}

/** The attributes of a counter's series. `''` names a label that it does not have, and an empty value is left out. */
export function counterAttributes(names: readonly [string, string, string], values: SeriesLabels): Attributes {
  const labels = ['cache.name', 'cache.backend', ...names].map((name, index) => [name, values[index] ?? '']);
  return Object.fromEntries(labels.filter(([name, value]) => name !== '' && value !== ''));
}
