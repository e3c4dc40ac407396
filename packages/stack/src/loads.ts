import { type FlightEffects, type FlightRequest, LoadFlight } from './load-flight.ts';
import type { LoadAnswer } from './load-path.ts';

/**
 * One flight a key: whoever asks while one is under way shares it, unless something was invalidated since it began that
 * its answer may not know; then the next caller starts another.
 */
export class Loads<V> {
  readonly #effects: FlightEffects<V>;
  readonly #flights = new Map<string, LoadFlight<V>>();

  constructor(effects: Omit<FlightEffects<V>, 'onFinish'>) {
    this.#effects = {
      ...effects,
      onFinish: (flight) => {
        if (this.#flights.get(flight.key) === flight) this.#flights.delete(flight.key);
      },
    };
  }

  /** The answer of the flight under way, if there is one that may be shared. */
  shared(key: string): Promise<LoadAnswer<V>> | undefined {
    const flight = this.#flights.get(key);
    return flight?.isTrustworthy ? flight.answer : undefined;
  }

  /** The answer of a new flight, which later callers share. */
  begin(request: FlightRequest<V>): Promise<LoadAnswer<V>> {
    const flight = new LoadFlight(request, this.#effects);
    this.#flights.set(request.key, flight);
    flight.start();
    return flight.answer;
  }
}
