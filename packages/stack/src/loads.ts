import { AnswerPortions } from './answer-portions.ts';
import { type FlightEffects, type FlightRequest, LoadFlight } from './load-flight.ts';

/** What {@link Loads} are made of. */
export interface LoadsParts<V> extends Omit<FlightEffects<V>, 'deal' | 'onFinish' | 'onHandBack'> {
  /** True if the store is in this process: then it does nothing while that is busy, and its answers need not be dealt out. */
  readonly isStoreHere: boolean;
}

/**
 * The loads under way in this process, of which callers may join at most one a key: the newest, while nothing was
 * invalidated since it began that its answer may not know.
 */
export class Loads<V> {
  readonly #effects: FlightEffects<V>;
  readonly #newest = new Map<string, LoadFlight<V>>();
  /** Those under way whose key has a newer one. */
  readonly #older = new Set<LoadFlight<V>>();
  readonly #handingBack = new Set<Promise<unknown>>();
  #closedWith: { readonly error: unknown } | undefined;

  constructor({ isStoreHere, ...effects }: LoadsParts<V>) {
    const portions = new AnswerPortions(() => this.#newest.size + this.#older.size);
    this.#effects = {
      ...effects,
      deal: isStoreHere ? (answer) => answer() : (answer) => portions.deal(answer),
      onHandBack: (request) => {
        this.#handingBack.add(request);
        request.finally(() => this.#handingBack.delete(request));
      },
      onFinish: (flight) => {
        if (this.#newest.get(flight.key) === flight) this.#newest.delete(flight.key);
        else this.#older.delete(flight);
      },
    };
  }

  /** The flight under way that a caller may join, if there is one. */
  joinable(key: string): LoadFlight<V> | undefined {
    const flight = this.#newest.get(key);
    return flight?.isJoinable ? flight : undefined;
  }

  /** A new flight, which later callers may join. */
  begin(request: FlightRequest<V>): LoadFlight<V> {
    const flight = new LoadFlight(request, this.#effects);
    const older = this.#newest.get(request.key);
    if (older !== undefined) this.#older.add(older);
    this.#newest.set(request.key, flight);
    if (this.#closedWith === undefined) flight.start();
    else flight.close(this.#closedWith.error);
    return flight;
  }

  /** Ends all with this error. Fulfils when leases are handed back and fills under way have ended. */
  async close(error: unknown): Promise<void> {
    this.#closedWith = { error };
    const flights = [...this.#older, ...this.#newest.values()];
    for (const flight of flights) flight.close(error);
    await Promise.all(flights.map(({ finished }) => finished));
    await Promise.all(this.#handingBack);
  }
}
