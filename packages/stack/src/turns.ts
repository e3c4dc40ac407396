/**
 * Counts what happens in one process, so that "before" and "after" within it need no clock: a clock's tick may hold many
 * events.
 */
export class Turns {
  #last = 0;

  /** A number greater than every one before. */
  next(): number {
    this.#last += 1;
    return this.#last;
  }
}
