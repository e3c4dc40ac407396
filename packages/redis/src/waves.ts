import type { KeyGate } from './key-gate.ts';

/** How many items of one call are under way at a time: each wave has a deadline of its own. */
const ITEMS_PER_WAVE = 1_024;

/**
 * Runs `work` for every item. The first wave is sent with everything else of the tick; the keys of later ones are held
 * until all is done, so that a later call on one of them still comes after.
 *
 * @param work must send its last command at once, unless it holds the key itself
 */
export async function inWaves<T extends { readonly redisKey: string }, R>(
  gate: KeyGate,
  items: readonly T[],
  work: (item: T) => Promise<R>,
): Promise<R[]> {
  const run = (item: T): Promise<R> => gate.after(item.redisKey, () => work(item));
  if (items.length <= ITEMS_PER_WAVE) return Promise.all(items.map(run));
  const later = items.slice(ITEMS_PER_WAVE);
  const laterFree = gate.afterAll(
    later.map(({ redisKey }) => redisKey),
    async () => {},
  );
  const first = Promise.all(items.slice(0, ITEMS_PER_WAVE).map(run));
  const all = laterWaves(first, laterFree, later, work);
  for (const { redisKey } of later) gate.holdUntil(redisKey, all);
  return all;
}

/** Likewise for items whose serializer is still at work: all of their keys are held until all is done. */
export function inWavesWhenReady<T, R>(
  gate: KeyGate,
  redisKeys: readonly string[],
  ready: Promise<readonly T[]>,
  work: (item: T) => Promise<R>,
): Promise<R[]> {
  // What is refused before its turn must not let others in before theirs.
  ready.catch(() => {});
  const all = gate.afterAll(redisKeys, async () =>
    laterWaves(Promise.resolve([]), Promise.resolve(), await ready, work),
  );
  for (const redisKey of redisKeys) gate.holdUntil(redisKey, all);
  return all;
}

async function laterWaves<T, R>(
  first: Promise<R[]>,
  laterFree: Promise<void>,
  later: readonly T[],
  work: (item: T) => Promise<R>,
): Promise<R[]> {
  const [answers] = await Promise.all([first, laterFree]);
  for (let start = 0; start < later.length; start += ITEMS_PER_WAVE) {
    answers.push(...(await Promise.all(later.slice(start, start + ITEMS_PER_WAVE).map(work))));
  }
  return answers;
}
