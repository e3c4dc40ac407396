/** Asks `isTrue` every 25 ms until it says so. Throws after `limitMs`, naming what was waited for; an answer that rejects means "not yet". */
export async function waitUntil(
  what: string,
  limitMs: number,
  isTrue: () => boolean | Promise<boolean>,
): Promise<void> {
  const giveUpAt = performance.now() + limitMs;
  for (;;) {
    const answer = Promise.resolve()
      .then(isTrue)
      .catch(() => false);
    let timer: NodeJS.Timeout | undefined;
    const expired = new Promise<void>((give) => {
      timer = setTimeout(give, Math.max(0, giveUpAt - performance.now()));
    });
    const outcome = await Promise.race([answer, expired]);
    clearTimeout(timer);
    if (outcome) return;
    if (outcome === undefined || performance.now() >= giveUpAt)
      throw new Error(`${what}: not so within ${limitMs} ms.`);
    await new Promise((done) => setTimeout(done, 25));
  }
}
