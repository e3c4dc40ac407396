/** Instead of what a near level answered, where it has not been asked. */
export const NOT_ASKED: unique symbol = Symbol('not asked');

/** The type of {@link NOT_ASKED}. */
export type NotAsked = typeof NOT_ASKED;

/** What is left of an answer that is no value: `undefined` of a level that was asked and has nothing. */
export function notAsked(near: unknown): undefined | NotAsked {
  return near === NOT_ASKED ? NOT_ASKED : undefined;
}
