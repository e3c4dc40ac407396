import { setTimeout as sleep } from 'node:timers/promises';
import { ABSENT, type AsyncCache, type CacheEntry, CacheUnavailableError } from '@cache/core';
import { type FaultOptions, interceptCalls } from './intercepted-cache.ts';

/** How calls fail. */
export interface FailingOptions extends FaultOptions {
  /**
   * What a call rejects with.
   * @default a new CacheUnavailableError
   */
  readonly error?: (call: string) => unknown;
  /**
   * `'before'`: the call is not carried out. `'after'`: it is, and its answer is lost, as when a connection breaks.
   * @default 'before'
   */
  readonly when?: 'before' | 'after';
}

/** A cache whose calls fail. */
export function failingCache<C extends AsyncCache<never>>(cache: C, options: FailingOptions = {}): C {
  const { when = 'before' } = options;
  const error = options.error ?? ((call: string) => unavailable(call, when === 'after'));
  return interceptCalls(cache, options, async ({ name, proceed }) => {
    if (when === 'after') await proceed();
    throw error(name);
  });
}

function unavailable(operation: string, ambiguous: boolean): CacheUnavailableError {
  return new CacheUnavailableError('The cache fails on purpose.', { operation, backend: 'chaos', ambiguous });
}

/** How calls hang. */
export interface HangingOptions extends FaultOptions {
  /**
   * When it fulfils, every call that hangs is carried out, late: what a frozen server does when it goes on.
   * @default never
   */
  readonly until?: Promise<unknown>;
}

/** A cache whose calls do not settle. */
export function hangingCache<C extends AsyncCache<never>>(cache: C, options: HangingOptions = {}): C {
  const until = options.until ?? new Promise<never>(() => undefined);
  return interceptCalls(cache, options, async ({ proceed }) => {
    await until;
    return proceed();
  });
}

/** How calls are slow. */
export interface SlowOptions extends FaultOptions {
  /** How many milliseconds a call takes longer; asked at each call if it is a function. */
  readonly delayMs: number | (() => number);
  /**
   * `'before'`: the request is late. `'after'`: the answer is.
   * @default 'before'
   */
  readonly when?: 'before' | 'after';
}

/** A cache whose calls take longer. */
export function slowCache<C extends AsyncCache<never>>(cache: C, options: SlowOptions): C {
  const { delayMs, when = 'before' } = options;
  const delay = () => sleep(typeof delayMs === 'number' ? delayMs : delayMs());
  return interceptCalls(cache, options, async ({ proceed }) => {
    if (when === 'before') await delay();
    const answer = await proceed();
    if (when === 'after') await delay();
    return answer;
  });
}

/** How what is read is damaged. */
export interface CorruptingOptions extends FaultOptions {
  /**
   * What becomes of a value that is read.
   * @default a text that no value is likely to be
   */
  readonly corrupt?: (value: unknown) => unknown;
}

/** A cache that gives back other values than were stored, as after a deployment that changed their shape. */
export function corruptingCache<C extends AsyncCache<never>>(cache: C, options: CorruptingOptions = {}): C {
  const { corrupt = () => '\ufffdcorrupt\ufffd' } = options;
  const value = (read: unknown) => (read === undefined || read === ABSENT ? read : corrupt(read));
  const holder = (read: unknown) => (hasValue(read) ? { ...read, value: value(read.value) } : read);
  return interceptCalls(cache, options, async ({ name, proceed }) => {
    const answer = await proceed();
    switch (name) {
      case 'get':
        return value(answer);
      case 'mget':
        return (answer as unknown[]).map(value);
      case 'inspect':
      case 'getOrLease':
        return holder(answer);
      case 'getEntries':
        return (answer as CacheEntry<unknown>[]).map(holder);
      default:
        return answer;
    }
  });
}

function hasValue(read: unknown): read is { value: unknown } {
  return typeof read === 'object' && read !== null && 'value' in read;
}
