import { setTimeout as sleep } from 'node:timers/promises';
import type { Warehouse } from './stock.ts';

/** A warehouse in memory, as slow as a real one. */
export class MemoryWarehouse implements Warehouse {
  readonly #counts = new Map<string, number>();
  readonly #lastNumbers = new Map<string, number>();

  constructor(counts: Readonly<Record<string, number>>) {
    for (const [item, count] of Object.entries(counts)) this.#counts.set(item, count);
  }

  async count(item: string): Promise<number> {
    await sleep(5);
    return this.#counts.get(item) ?? 0;
  }

  async setCount(item: string, count: number, fencingNumber: number): Promise<void> {
    await sleep(5);
    if (fencingNumber < (this.#lastNumbers.get(item) ?? 0)) throw new Error('Somebody came after you.');
    this.#lastNumbers.set(item, fencingNumber);
    this.#counts.set(item, count);
  }
}
