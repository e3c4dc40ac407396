/**
 * Where an answer came from: `cache`; `load`, a load whose result is now cached; `unstored`, a load whose result was not
 * cached; `shared`, somebody else's load that this caller waited for; `bypass`, a load that the caller asked for;
 * `outage`, a load because the cache failed.
 */
export type AnswerOrigin = 'cache' | 'load' | 'unstored' | 'shared' | 'bypass' | 'outage';

/** An answer and where it came from. */
export interface Answer<T> {
  readonly value: T;
  readonly origin: AnswerOrigin;
}

/** Answers from a cache, and where that has nothing from `load`; `undefined` if that has nothing either. */
export type ReadThrough = <T extends object>(
  key: string,
  load: () => Promise<T | undefined>,
) => Promise<Answer<T> | undefined>;

/** The answer for what was loaded: none if there was nothing. */
export function answerFor<T>(value: T | undefined, origin: AnswerOrigin): Answer<T> | undefined {
  return value === undefined ? undefined : { value, origin };
}
