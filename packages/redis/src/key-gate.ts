import { WaitedInVain } from './server-error.ts';

/**
 * Keeps the program order of a key while something that takes more than one round trip is under way on it: a later call
 * on that key begins when the earlier one has sent its last command. Keys that nothing holds pay a look at a size.
 *
 * Nobody waits longer than a deadline; what gives up waiting is never sent.
 *
 * Invariant: of two calls on one key of which the first holds it, the second sends its first command after the first
 * one's last; and what waits for the key begins in the order of the calls. So what waits holds the key too, until it has
 * begun: the key is free a few promise jobs before it does, and a call made within them would be sent first. What gives
 * up frees nothing that an earlier one still holds.
 */
export class KeyGate {
  readonly #held = new Map<string, Promise<void>>();
  readonly #timeoutMs: number;

  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs;
  }

  /** True if some key is held. */
  get isInUse(): boolean {
    return this.#held.size > 0;
  }

  /** Runs `work` when nothing holds the key. */
  after<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.#held.get(key);
    if (before === undefined) return work();
    const freed = this.#freed(before);
    const answer = freed.then(work);
    this.holdUntil(key, freed);
    return answer;
  }

  /** Runs `work` when nothing holds any of the keys. */
  async afterAll<T>(keys: readonly string[], work: () => Promise<T>): Promise<T> {
    if (this.isInUse) await this.#freed(Promise.all(keys.map((key) => this.#held.get(key))));
    return work();
  }

  /** Runs `work` when nothing holds the key, and holds it until `work` has settled. */
  hold<T>(key: string, work: () => Promise<T>): Promise<T> {
    const answer = this.after(key, work);
    this.holdUntil(key, answer);
    return answer;
  }

  /** Waits, but no longer than the deadline: what waited in vain was not sent. */
  #freed(before: Promise<unknown>): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new WaitedInVain(this.#timeoutMs)), this.#timeoutMs);
      // It never rejects.
      before.then(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  /** Holds a key until `work`, which is under way, has settled, and no shorter than it is held already. */
  holdUntil(key: string, work: Promise<unknown>): void {
    const before = this.#held.get(key);
    const release = (): void => {
      if (this.#held.get(key) === held) this.#held.delete(key);
    };
    const all = before === undefined ? work : Promise.allSettled([before, work]);
    const held: Promise<void> = all.then(release, release);
    this.#held.set(key, held);
  }
}
