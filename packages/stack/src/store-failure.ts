/**
 * What a store's error says of the write: the store refused it, so it did not happen and will not by repeating it; the store
 * could not be reached or did not answer, which is no fault of the write; or nothing at all.
 */
export type StoreFailure = 'refused' | 'outage' | 'unknown';

/** Errors of ours that say that the value or the call is at fault. */
const OUR_REFUSALS: ReadonlySet<unknown> = new Set(['ERR_CACHE_KEY', 'ERR_CACHE_VALUE', 'ERR_CACHE_OPTION']);

const OUR_OUTAGES: ReadonlySet<unknown> = new Set(['ERR_CACHE_TIMEOUT', 'ERR_CACHE_UNAVAILABLE', 'ERR_CACHE_CLOSED']);

/** Node's and the usual drivers' words for a server that is not there. */
const CONNECTION_CODES =
  /^(E(CONN\w+|PIPE|TIMEDOUT|NOTFOUND|AI_AGAIN|HOSTUNREACH|NETUNREACH|NETDOWN|HOSTDOWN)|CONNECTION_\w+|CONNECT_TIMEOUT|UND_ERR_\w+)$/;

/** Before anything could be sent. */
const NEVER_SENT: ReadonlySet<unknown> = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'CONNECT_TIMEOUT']);

/** An SQLSTATE has a digit; `EPIPE` has none. */
const SQLSTATE = /^(?=[A-Z]*\d)[0-9A-Z]{5}$/;

/**
 * The classes in which the statement itself was sound: connection, transaction rolled back, resources, locks,
 * intervention, system (PostgreSQL's appendix A). Prisma's codes have the same form and none of the same classes: P10… is
 * its connection, P2024 its pool, P2034 a transaction rolled back.
 */
const SQLSTATE_OUTAGE = /^(08|25006|40|53|55P03|57|58|XX|P10|P2024|P2034)/;

/** After these the statement may have been carried out. */
const SQLSTATE_AMBIGUOUS = /^(08|40003|57P|58|XX|P10)/;

/** What the error says of the write. */
export function storeFailureOf(error: unknown): StoreFailure {
  const { code, ambiguous } = propertiesOf(error);
  if (OUR_REFUSALS.has(code)) return 'refused';
  if (OUR_OUTAGES.has(code) || isAbort(error)) return 'outage';
  if (typeof code === 'string') {
    if (CONNECTION_CODES.test(code)) return 'outage';
    if (SQLSTATE.test(code)) return SQLSTATE_OUTAGE.test(code) ? 'outage' : 'refused';
  }
  return ambiguous === false ? 'refused' : 'unknown';
}

/** True if the write may have happened all the same. */
export function mayHaveHappened(error: unknown): boolean {
  const { code, ambiguous } = propertiesOf(error);
  if (typeof ambiguous === 'boolean') return ambiguous;
  if (OUR_REFUSALS.has(code) || NEVER_SENT.has(code)) return false;
  return !(typeof code === 'string' && SQLSTATE.test(code) && !SQLSTATE_AMBIGUOUS.test(code));
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && (error.name === 'AbortError' || error.name === 'TimeoutError');
}

function propertiesOf(error: unknown): { readonly code?: unknown; readonly ambiguous?: unknown } {
  return typeof error === 'object' && error !== null ? error : {};
}
