/** Entries that are over are looked for when there are this many, and each time they have doubled. */
const FIRST_SWEEP_AT = 1_000;

/** Until when what this process loaded itself, and could store nowhere, may be served whatever the bus says. */
export class OwnLoads {
  readonly #untilMs = new Map<string, number>();
  #sweepAt = FIRST_SWEEP_AT;

  record(key: string, untilMs: number, nowMs: number): void {
    this.#untilMs.set(key, untilMs);
    if (this.#untilMs.size < this.#sweepAt) return;
    for (const [other, endsAtMs] of this.#untilMs) if (endsAtMs <= nowMs) this.#untilMs.delete(other);
    this.#sweepAt = Math.max(FIRST_SWEEP_AT, this.#untilMs.size * 2);
  }

  isServable(key: string, nowMs: number): boolean {
    const untilMs = this.#untilMs.get(key);
    return untilMs !== undefined && nowMs < untilMs;
  }

  /** Something else is kept there now. */
  delete(key: string): void {
    this.#untilMs.delete(key);
  }

  clear(): void {
    this.#untilMs.clear();
  }
}
