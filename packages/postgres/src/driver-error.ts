import {
  CacheClosedError,
  type CacheError,
  type CacheErrorContext,
  CacheOptionError,
  CacheTimeoutError,
  CacheUnavailableError,
  CacheValueError,
  redactedCause,
} from '@cache/core';
import type { Relations } from './relations.ts';

/** What is known of the call that failed. */
export interface FailedCall {
  readonly operation: string;
  readonly isWrite: boolean;
  readonly relations: Relations;
  /** True if nobody but the cache can have ended the pool. */
  readonly isOwnPool: boolean;
}

/** The pool was ended, so nothing was sent. */
export const POOL_ENDED = 'CONNECTION_ENDED';

/** Errors of connecting: nothing was sent, so nothing can have happened. */
const NOT_SENT = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ENOENT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'CONNECT_TIMEOUT',
  POOL_ENDED,
]);

/** A connection that was there is not any more: what was sent over it may have been carried out. */
const CONNECTION_LOST = new Set([
  'CONNECTION_CLOSED',
  'CONNECTION_DESTROYED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  '57P01',
  '57P02',
  '57P03',
]);

/** Other codes of sockets and of TLS, and the driver's own. */
const NETWORK =
  /^(?:E[A-Z]{3,}|(?:CERT|DEPTH|UNABLE|SELF|ERR_TLS|ERR_SSL|ERR_SOCKET|ERR_CACHE|SASL|AUTH|COPY|MAX)_.*)$/;

/** The server undid the statement so that another could go on. */
const ROLLED_BACK = new Set(['40001', '40P01']);

export function driverErrorCode(error: unknown): string {
  const code = typeof error === 'object' && error !== null ? (error as { code?: unknown }).code : undefined;
  return typeof code === 'string' ? code : '';
}

/** True if the connection that a statement was sent over, or was to be, is not there any more. */
export function isConnectionLost(error: unknown): boolean {
  const code = driverErrorCode(error);
  return CONNECTION_LOST.has(code) || code === 'CONNECT_TIMEOUT';
}

/** True if the server is full, or cannot be reached any more by those who come now. */
export function isConnectionRefused(error: unknown): boolean {
  const code = driverErrorCode(error);
  return code === '53300' || (code !== POOL_ENDED && NOT_SENT.has(code));
}

/** True if the same statement may succeed when it is sent again at once. */
export function isTransient(error: unknown): boolean {
  const code = driverErrorCode(error);
  return ROLLED_BACK.has(code) || CONNECTION_LOST.has(code) || code === '26000' || isForeign(error);
}

/**
 * True if neither the server nor the network said this: it is another query's error, or the driver's reader met a reply
 * of another shape. Either way replies on that connection go to the wrong queries from now on (see `StatementRunner`).
 */
export function isForeign(error: unknown): boolean {
  const code = driverErrorCode(error);
  return !/^[0-9A-Z]{5}$/.test(code) && !NOT_SENT.has(code) && !CONNECTION_LOST.has(code) && !NETWORK.test(code);
}

/** True if the statement failed because of what was in it, so that parts of it may be fine. */
export function isDataError(error: unknown): boolean {
  return /^(?:22|23|54)/.test(driverErrorCode(error));
}

/** True if the server refuses who we say we are, or has no such database: waiting will not help. */
export function isRefusal(error: unknown): boolean {
  return /^(?:28|3D000)/.test(driverErrorCode(error));
}

/** What is said of it. */
export const REFUSED = 'PostgreSQL refuses the credentials, or has no such database.';

/** True if it is the network's, or the server is starting, ending or full: later it may be another. */
export function mayPass(error: unknown): boolean {
  const code = driverErrorCode(error);
  return !/^[0-9A-Z]{5}$/.test(code) || /^(?:08|40|53|57)/.test(code);
}

/** The error of core's that stands for a driver's. Neither message nor cause holds what the driver's may: values, keys, URLs. */
export function cacheErrorOf(error: unknown, call: FailedCall): CacheError {
  const code = driverErrorCode(error);
  const context: CacheErrorContext = { operation: call.operation, backend: 'postgres', cause: redactedCause(error) };
  if (isDataError(error)) return new CacheValueError(`PostgreSQL cannot store it (SQLSTATE ${code}).`, context);
  if (code === POOL_ENDED) {
    return call.isOwnPool
      ? new CacheClosedError('The cache is closed.', context)
      : new CacheOptionError('The postgres.js instance was ended: end it after the cache.', context);
  }
  const advice = optionAdvice(code, call.relations);
  if (advice !== undefined) return new CacheOptionError(advice, context);
  if (code === '57014' || code === '55P03') {
    return new CacheTimeoutError(`PostgreSQL gave the statement up (SQLSTATE ${code}).`, context);
  }
  // 57P03 comes while connecting.
  const ambiguous =
    call.isWrite &&
    code !== '57P03' &&
    (CONNECTION_LOST.has(code) || !/^[0-9A-Z]{5}$/.test(code)) &&
    !NOT_SENT.has(code);
  return new CacheUnavailableError(unavailability(code), { ...context, ambiguous });
}

function optionAdvice(code: string, relations: Relations): string | undefined {
  const { table, schema } = relations;
  const flags = `${schema === undefined ? '' : ` --schema ${schema}`}${table === 'cache' ? '' : ` --table ${table}`}`;
  const migrate = `npx cache-postgres migrate --url …${flags}, or migrate(sql), creates it`;
  if (code === '42P01') return `The table ${relations.cache} or one of its logs does not exist: ${migrate}.`;
  if (code === '3F000') return `The schema ${schema ?? ''} does not exist: ${migrate}.`;
  if (code === '42703') return `The table ${relations.cache} is of an older version: ${migrate}.`;
  if (code === '42883') return 'PostgreSQL 13 or later is needed.';
  if (code === '42501') {
    return `The role may not use the tables. As their owner run: ${grants(relations)}`;
  }
  if (code === '25006') return 'The server is read-only, as a standby is: the cache needs the primary.';
  if (code === '0A000') return 'The server does not offer this, as a standby does not offer UNLOGGED tables.';
  if (/^28/.test(code)) return `PostgreSQL refuses the credentials (SQLSTATE ${code}).`;
  if (code === '3D000') return 'There is no such database.';
  return undefined;
}

/** What a role needs, and no more. */
function grants({ schema, table, cache, removal, tag, event, horizon }: Relations): string {
  const prefix = schema === undefined ? '' : `"${schema}".`;
  const usage = schema === undefined ? '' : `GRANT USAGE ON SCHEMA "${schema}" TO <role>; `;
  const tables = [cache, removal, tag, event, horizon].join(', ');
  const sequences = ['_seq', '_id_seq'].map((suffix) => `${prefix}"${table}${suffix}"`).join(', ');
  return `${usage}GRANT SELECT, INSERT, UPDATE, DELETE ON ${tables} TO <role>; GRANT USAGE ON SEQUENCE ${sequences} TO <role>`;
}

/** Why nothing can be done for now. */
export function unavailability(code: string): string {
  if (code === '25P02') return 'The transaction has failed before: roll it back.';
  if (code === '53300') return 'PostgreSQL takes no more connections for now (SQLSTATE 53300).';
  if (ROLLED_BACK.has(code)) return `PostgreSQL rolled the statement back in favour of another (SQLSTATE ${code}).`;
  return `PostgreSQL cannot be reached or refuses for now (${code === '' ? 'no code' : code}).`;
}
