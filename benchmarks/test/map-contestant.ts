import type { OpenContestant } from '../servers/contestant.ts';
import type { SampleValue } from '../servers/sample-values.ts';

/** A contestant that keeps its values in a Map, and answers the way a network client does: later. */
export class MapContestant implements OpenContestant {
  readonly items = new Map<string, string>();
  highestConcurrency = 0;
  #underWay = 0;

  async get(key: string): Promise<unknown> {
    await this.#roundTrip();
    const text = this.items.get(key);
    return text === undefined ? undefined : JSON.parse(text);
  }

  async set(key: string, value: SampleValue): Promise<void> {
    await this.#roundTrip();
    this.items.set(key, JSON.stringify(value));
  }

  async close(): Promise<void> {}

  async #roundTrip(): Promise<void> {
    this.#underWay += 1;
    this.highestConcurrency = Math.max(this.highestConcurrency, this.#underWay);
    await new Promise((resolve) => setImmediate(resolve));
    this.#underWay -= 1;
  }
}
