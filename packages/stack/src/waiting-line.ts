/** Somebody who waits for room, and for which key. */
export interface Waiting {
  readonly ticket: number;
  readonly key: string;
}

/** Who waits, in the order of arrival. */
export class WaitingLine<W extends Waiting> {
  readonly #byTicket = new Map<number, W>();
  readonly #countByKey = new Map<string, number>();

  get size(): number {
    return this.#byTicket.size;
  }

  has(ticket: number): boolean {
    return this.#byTicket.has(ticket);
  }

  /** True if somebody waits for this key. */
  hasKey(key: string): boolean {
    return this.#countByKey.has(key);
  }

  /** Who came first. */
  first(): W | undefined {
    return this.#byTicket.values().next().value;
  }

  join(waiting: W): void {
    this.#byTicket.set(waiting.ticket, waiting);
    this.#countByKey.set(waiting.key, (this.#countByKey.get(waiting.key) ?? 0) + 1);
  }

  leave(ticket: number): void {
    const waiting = this.#byTicket.get(ticket);
    if (waiting === undefined) return;
    this.#byTicket.delete(ticket);
    const others = (this.#countByKey.get(waiting.key) ?? 1) - 1;
    if (others === 0) this.#countByKey.delete(waiting.key);
    else this.#countByKey.set(waiting.key, others);
  }
}
