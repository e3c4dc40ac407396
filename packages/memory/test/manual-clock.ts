/** Time that moves when it is told to. */
export class ManualClock {
  #nowMs = 1_000_000;

  now(): number {
    return this.#nowMs;
  }

  advance(seconds: number): void {
    this.#nowMs += seconds * 1000;
  }
}
