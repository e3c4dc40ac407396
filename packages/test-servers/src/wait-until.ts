import { AwakeClock } from './awake-clock.ts';

const PAUSE_MS = 25;

/**
 * Asks `isTrue` every 25 ms until it says so. Throws after `limitMs` by the {@link AwakeClock}, naming what was waited for and
 * the last answer's error; an answer that rejects means "not yet".
 */
export async function waitUntil(
  what: string,
  limitMs: number,
  isTrue: () => boolean | Promise<boolean>,
): Promise<void> {
  using clock = new AwakeClock();
  let lastError: unknown;
  for (;;) {
    const answer = Promise.resolve()
      .then(isTrue)
      .catch((error: unknown) => {
        lastError = error;
        return false;
      });
    const outcome = await withinLimit(answer, clock, limitMs);
    if (outcome) return;
    if (outcome === undefined || clock.now() >= limitMs)
      throw new Error(`${what}: not so within ${limitMs} ms.`, { cause: lastError });
    await new Promise((done) => setTimeout(done, PAUSE_MS));
  }
}

/** The answer, or undefined if there is none before the clock shows `limitMs`. */
async function withinLimit(answer: Promise<boolean>, clock: AwakeClock, limitMs: number): Promise<boolean | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const expired = new Promise<undefined>((give) => {
    const look = (): void => {
      const leftMs = limitMs - clock.now();
      if (leftMs <= 0) give(undefined);
      else timer = setTimeout(look, leftMs);
    };
    look();
  });
  try {
    return await Promise.race([answer, expired]);
  } finally {
    clearTimeout(timer);
  }
}
