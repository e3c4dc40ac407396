/** Something that has a deadline. The links belong to the queue it is in. */
export abstract class Expirable {
  /** When it is overdue, in monotonic milliseconds; set by the queue. */
  deadlineMs = 0;
  previous: Expirable | undefined;
  next: Expirable | undefined;

  /** Called once if it is still in the queue after its deadline. */
  abstract expire(): void;
}

/**
 * Deadlines that all lie equally far ahead, at next to no cost: since the timeout is one, the order of arrival is the
 * order of the deadlines, so a doubly linked list and a single timer for its head do. What is answered in time is
 * unlinked, and the timer, when it fires, arms itself for whatever is the head by then. A busy cache makes one timer
 * per timeout instead of one per call.
 *
 * Invariant: while the list is not empty a timer is armed, and it fires no later than its head's deadline.
 */
export class DeadlineQueue {
  readonly #timeoutMs: number;
  #head: Expirable | undefined;
  #tail: Expirable | undefined;
  #isArmed = false;

  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs;
  }

  add(item: Expirable): void {
    const now = performance.now();
    item.deadlineMs = now + this.#timeoutMs;
    item.previous = this.#tail;
    if (this.#tail === undefined) this.#head = item;
    else this.#tail.next = item;
    this.#tail = item;
    if (!this.#isArmed) this.#arm(this.#timeoutMs);
  }

  /** Takes out what was answered; nothing happens if it is not in. */
  remove(item: Expirable): void {
    if (item.previous === undefined && this.#head !== item) return;
    if (item.previous === undefined) this.#head = item.next;
    else item.previous.next = item.next;
    if (item.next === undefined) this.#tail = item.previous;
    else item.next.previous = item.previous;
    item.previous = undefined;
    item.next = undefined;
  }

  #arm(delayMs: number): void {
    this.#isArmed = true;
    // What a deadline waits for has a socket or a reconnection of its own that keeps the process alive.
    setTimeout(this.#onTimer, delayMs).unref();
  }

  readonly #onTimer = (): void => {
    // If this process was busy, answers may lie in its sockets: they are read before setImmediate runs. A server is
    // not blamed for our own delay.
    setImmediate(this.#expireOverdue);
  };

  readonly #expireOverdue = (): void => {
    const now = performance.now();
    while (this.#head !== undefined && this.#head.deadlineMs <= now) {
      const overdue = this.#head;
      this.remove(overdue);
      overdue.expire();
    }
    this.#isArmed = false;
    if (this.#head !== undefined) this.#arm(Math.max(1, this.#head.deadlineMs - now));
  };
}
