/** Runs work on the same key one after the other, in the order in which it came; work on other keys goes on meanwhile. */
export class KeyOrder {
  readonly #last = new Map<string, Promise<unknown>>();

  /** Runs `work` when everything that came before it for one of these keys has ended, well or not. */
  run<T>(keys: readonly string[], work: () => Promise<T>): Promise<T> {
    const before = keys.flatMap((key) => this.#last.get(key) ?? []);
    // All keys are taken at once, so nobody waits in a circle.
    const answer = before.length === 0 ? work() : Promise.all(before).then(work);
    const ended = answer.then(
      () => {},
      () => {},
    );
    for (const key of keys) this.#last.set(key, ended);
    void ended.then(() => {
      for (const key of keys) if (this.#last.get(key) === ended) this.#last.delete(key);
    });
    return answer;
  }

  /** Settles when nothing runs any more. */
  async idle(): Promise<void> {
    while (this.#last.size > 0) await Promise.all(this.#last.values());
  }
}
