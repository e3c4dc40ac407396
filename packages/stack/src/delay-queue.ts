/** Something that waits. The links belong to the queue it is in. */
interface Waiting {
  readonly callback: () => void;
  readonly dueMs: number;
  isIn: boolean;
  previous: Waiting | undefined;
  next: Waiting | undefined;
}

/**
 * Many equal delays at the price of one timer: since the delay is one, the order of arrival is the order in which they end,
 * so a doubly linked list and a timer for its head do. What is cancelled, as nearly all is, is unlinked; the timer arms itself
 * again for whatever is the head by then. Like a timer of the process's own, it keeps the process alive while something waits.
 *
 * Invariant: while the list is not empty a timer is armed that fires no later than its head is due.
 */
export class DelayQueue {
  readonly #delayMs: number;
  #head: Waiting | undefined;
  #tail: Waiting | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(delayMs: number) {
    this.#delayMs = delayMs;
  }

  /** @returns cancels it */
  add(callback: () => void): () => void {
    const waiting: Waiting = {
      callback,
      dueMs: performance.now() + this.#delayMs,
      isIn: true,
      previous: this.#tail,
      next: undefined,
    };
    if (this.#tail === undefined) this.#head = waiting;
    else this.#tail.next = waiting;
    this.#tail = waiting;
    if (this.#timer === undefined) this.#timer = setTimeout(this.#onTimer, this.#delayMs);
    else if (this.#head === waiting) this.#timer.ref();
    return () => this.#remove(waiting);
  }

  #remove(waiting: Waiting): void {
    if (!waiting.isIn) return;
    waiting.isIn = false;
    if (waiting.previous === undefined) this.#head = waiting.next;
    else waiting.previous.next = waiting.next;
    if (waiting.next === undefined) this.#tail = waiting.previous;
    else waiting.next.previous = waiting.previous;
    if (this.#head === undefined) this.#timer?.unref();
  }

  readonly #onTimer = (): void => {
    this.#timer = undefined;
    const nowMs = performance.now();
    // Read anew each time: what is called may cancel others, or add some.
    while (this.#head !== undefined && this.#head.dueMs <= nowMs) {
      const due = this.#head;
      this.#remove(due);
      try {
        due.callback();
      } catch (error) {
        // As out of a timer of its own; the others are not kept waiting.
        queueMicrotask(() => {
          throw error;
        });
      }
    }
    if (this.#head === undefined) return;
    this.#timer ??= setTimeout(this.#onTimer, Math.max(1, this.#head.dueMs - nowMs));
  };
}
