import type { AsyncCache } from '@cache/core';
import { CACHE_CALLS, type CacheCall } from './cache-calls.ts';

/** One call on its way to a cache. */
export interface InterceptedCall {
  readonly name: CacheCall;
  readonly args: readonly unknown[];
  /** Carries the call out; for `keys`, which lists instead of answering, it only lets the listing begin. */
  readonly proceed: () => Promise<unknown>;
}

/** Which calls something happens to, and when. */
export interface FaultOptions {
  /**
   * Only these calls are affected.
   * @default every call but `close`
   */
  readonly calls?: readonly CacheCall[];
  /**
   * Asked at each call: true while the fault is on. Count in it, or draw a number, to let some calls through.
   * @default always on
   */
  readonly isOn?: () => boolean;
}

type Call = (...args: unknown[]) => unknown;

const FAULTY_BY_DEFAULT: ReadonlySet<string> = new Set<string>([
  'keys',
  ...CACHE_CALLS.filter((call) => call !== 'close'),
]);

/** A cache like `cache`, whose calls go through `intercept`. Everything else of it is as it was. */
export function interceptCalls<C extends AsyncCache<never>>(
  cache: C,
  { calls, isOn }: FaultOptions,
  intercept: (call: InterceptedCall) => Promise<unknown>,
): C {
  const affected: ReadonlySet<PropertyKey> = calls === undefined ? FAULTY_BY_DEFAULT : new Set(calls);
  return new Proxy(cache, {
    get(target, property) {
      const member: unknown = Reflect.get(target, property, target);
      if (typeof member !== 'function') return member;
      const call: Call = member.bind(target);
      if (!affected.has(property)) return call;
      return property === 'keys' ? listing : answering;

      function answering(...args: unknown[]): unknown {
        if (isOn?.() === false) return call(...args);
        return intercept({ name: property as CacheCall, args, proceed: async () => call(...args) });
      }

      async function* listing(...args: unknown[]): AsyncGenerator<unknown> {
        if (isOn?.() !== false) await intercept({ name: 'keys', args, proceed: async () => undefined });
        yield* call(...args) as AsyncIterable<unknown>;
      }
    },
  });
}
