import {
  CacheCorruptionError,
  type CacheError,
  type CacheErrorContext,
  type CacheOperation,
  CacheOptionError,
  CacheTimeoutError,
  CacheUnavailableError,
  redactedCause,
} from '@cache/core';

/** A call on its way to the server, as its failure must describe it. */
export interface FailingCall {
  readonly operation: CacheOperation;
  /** True if the server may have changed something. */
  readonly isWrite: boolean;
}

/** The reason given to a command that was not answered in time. */
export class DeadlineExceeded {
  readonly timeoutMs: number;

  constructor(timeoutMs: number) {
    this.timeoutMs = timeoutMs;
  }
}

/** The reason given to a call that waited too long for another one on the same key, and was not sent. */
export class WaitedInVain extends DeadlineExceeded {}

/** The reason given to a call that was not sent because too many wait. */
export class TooManyPending {
  readonly maxPending: number;

  constructor(maxPending: number) {
    this.maxPending = maxPending;
  }
}

/** The reason given to a command that was not sent because there is no connection. */
export class NotConnected {}

/** Replies that refuse the credentials: waiting does not help. */
const CREDENTIAL_CODES: ReadonlySet<string> = new Set(['NOAUTH', 'WRONGPASS', 'NOPERM']);

/** How a script is told that its user lacks a permission: up to Redis 7.0, and since. */
const REFUSED_IN_SCRIPT = /^ERR (?:The user executing the script can't|ACL failure in script)/;

/** What node-redis says of a command that it never wrote. */
const NOT_WRITTEN: readonly RegExp[] = [/^The client is offline/, /^The queue is full/, /^The command was aborted/];

/** The code with which the server refused, such as `OOM`; `undefined` if this is no reply of a server. */
function replyCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || systemCode(error) !== undefined) return undefined;
  if (REFUSED_IN_SCRIPT.test(error.message)) return 'NOPERM';
  // Before Redis 7 what a command inside a script said comes wrapped.
  const inScript = /@user_script: ?\d+: -?([A-Z]{2,})\b/.exec(error.message);
  return (inScript ?? /^([A-Z][A-Z0-9]+)\b/.exec(error.message))?.[1];
}

/** True if the server said so: whatever it refused, it was heard. */
export function isRefusal(error: unknown): boolean {
  return replyCode(error) !== undefined;
}

/** True if the credentials were refused. */
function isCredentialsError(error: unknown): boolean {
  const code = replyCode(error);
  return code !== undefined && CREDENTIAL_CODES.has(code);
}

/** Why a server lets nobody in who asks like this. Waiting does not help. */
export type ConnectionRefusal = 'credentials' | 'database';

/** What of the URL or the client's options the server refused, if it was that. */
export function connectionRefusalOf(error: unknown): ConnectionRefusal | undefined {
  if (isCredentialsError(error)) return 'credentials';
  const isNoDatabase =
    error instanceof Error && /^ERR (?:DB index is out of range|invalid DB index)/.test(error.message);
  return isNoDatabase ? 'database' : undefined;
}

/** The error for a connection that was refused. */
export function connectionRefusalError(refusal: ConnectionRefusal, context: CacheErrorContext): CacheOptionError {
  if (refusal === 'credentials') return credentialsError(context);
  return new CacheOptionError(
    'Redis has no database of this number (the end of the URL, or the option database): a server has 0 to 15 unless configured.',
    context,
  );
}

/** True if this user lacks the permission for the command or for one of its keys. */
export function isForbidden(error: unknown): boolean {
  return replyCode(error) === 'NOPERM';
}

/** True if the server had no memory left for this write. It still removes. */
export function isOutOfMemory(error: unknown): boolean {
  return replyCode(error) === 'OOM';
}

/** True if another kind of data than a string lies under the key. */
export function isWrongType(error: unknown): boolean {
  return replyCode(error) === 'WRONGTYPE';
}

/** True if a script is not known to the server. */
export function isUnknownScript(error: unknown): boolean {
  return replyCode(error) === 'NOSCRIPT';
}

/** True if another node of the cluster has the key, or has it soon. */
export function isRedirection(error: unknown): boolean {
  const code = replyCode(error);
  return code === 'MOVED' || code === 'ASK' || code === 'TRYAGAIN';
}

/**
 * What the application is told of a failure. The driver's own message may quote keys and values and is not kept.
 *
 * A write is ambiguous unless it is known that it was not carried out: the server refused it, or it was not sent.
 */
export function serverError(error: unknown, call: FailingCall): CacheError {
  if (error instanceof WaitedInVain) return timeoutError({ ...call, isWrite: false }, error.timeoutMs);
  if (error instanceof DeadlineExceeded) return timeoutError(call, error.timeoutMs);
  const { operation, isWrite } = call;
  if (error instanceof TooManyPending) {
    return new CacheUnavailableError(`${error.maxPending} calls already wait for Redis (maxPending).`, {
      operation,
      backend: 'redis',
    });
  }
  const code = replyCode(error);
  const context: CacheErrorContext = { operation, backend: 'redis', cause: causeOf(error, code) };
  const message = error instanceof Error ? error.message : '';
  if (code !== undefined) return refusal(code, context);
  if (/^The client is closed/.test(message)) return notOpen(context);
  const ambiguous =
    isWrite && !(error instanceof NotConnected) && !NOT_WRITTEN.some((pattern) => pattern.test(message));
  return new CacheUnavailableError('Redis cannot be reached.', { ...context, ambiguous });
}

function timeoutError({ operation, isWrite }: FailingCall, timeoutMs: number): CacheTimeoutError {
  const outcome = isWrite ? ' The write may have happened.' : '';
  return new CacheTimeoutError(`Redis did not answer within ${timeoutMs} ms.${outcome}`, {
    operation,
    backend: 'redis',
    ambiguous: isWrite,
  });
}

/** Credentials that were refused. */
function credentialsError(context: CacheErrorContext): CacheOptionError {
  return new CacheOptionError(
    'Redis refused the credentials, or they lack a permission that this call needs.',
    context,
  );
}

function notOpen(context: CacheErrorContext): CacheOptionError {
  return new CacheOptionError(
    'The Redis client is not open: call client.connect() before the first call, and close it after the cache.',
    context,
  );
}

function refusal(code: string, context: CacheErrorContext): CacheError {
  if (CREDENTIAL_CODES.has(code)) return credentialsError(context);
  if (code === 'WRONGTYPE') return new CacheCorruptionError('What is stored is no string.', context);
  if (code === 'OOM') return new CacheUnavailableError('Redis is out of memory and takes no writes.', context);
  return new CacheUnavailableError(`Redis refused the command with ${code}.`, context);
}

function causeOf(error: unknown, code: string | undefined): unknown {
  return code === undefined ? redactedCause(error) : redactedCause({ name: 'ErrorReply', code });
}

function systemCode(error: Error): string | undefined {
  const { code } = error as { code?: unknown };
  return typeof code === 'string' ? code : undefined;
}
