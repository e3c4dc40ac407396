import type { Actor } from './stepping-client.ts';

/** Chooses one of `count` actors that could go on. */
export type Choose = (count: number) => number;

/** Takes steps until nobody has any left, with `choose` deciding whose is next. */
export async function takeSteps(
  actors: readonly Actor[],
  choose: Choose,
  afterStep: () => Promise<void>,
): Promise<void> {
  for (;;) {
    const ready = actors.filter((actor) => actor.hasNext);
    const chosen = ready[ready.length > 1 ? choose(ready.length) : 0];
    if (chosen === undefined) return;
    await chosen.step();
    await afterStep();
  }
}

/** Runs every order there is, depth first: each run repeats the choices of the one before, but for the last that can change. */
export async function everyOrder(run: (choose: Choose) => Promise<void>): Promise<number> {
  let path: { choice: number; count: number }[] = [];
  for (let runs = 1; ; runs += 1) {
    let depth = 0;
    await run((count) => {
      if (depth === path.length) path.push({ choice: 0, count });
      const { choice = 0 } = path[depth] ?? {};
      depth += 1;
      return choice;
    });
    path = path.slice(0, depth);
    while (path.length > 0 && (path.at(-1)?.choice ?? 0) + 1 >= (path.at(-1)?.count ?? 0)) path.pop();
    const last = path.at(-1);
    if (last === undefined) return runs;
    last.choice += 1;
  }
}

/** Runs `count` orders drawn with a seed. */
export async function sampledOrders(
  count: number,
  seed: number,
  run: (choose: Choose) => Promise<void>,
): Promise<number> {
  const random = mulberry32(seed);
  for (let runs = 0; runs < count; runs += 1) await run((choices) => Math.floor(random() * choices));
  return count;
}

/** A small seeded generator of numbers in [0, 1): mulberry32 by Tommy Ettinger. */
function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
