import type { SampleValue } from './sample-values.ts';

/** How long every value lives, where the contestant can say it: longer than a run, so that nothing expires under it. */
export const EXPIRATION_IN_SECONDS = 7_200;

/** Where a contestant keeps its items. */
export interface Place {
  readonly url: string;
  /** A name that nobody else uses, fit for a key prefix or a schema: letters, digits, underscores. */
  readonly namespace: string;
}

/** A contestant at work. `get` answers the value, or whatever the library calls a miss. */
export interface OpenContestant {
  get(key: string): Promise<unknown>;
  set(key: string, value: SampleValue): Promise<unknown>;
  close(): Promise<unknown>;
}

/**
 * One way to keep JSON values on a server: objects go in, objects come out, each call reaches the server.
 * Libraries are imported by `open`, so that a process carries the one it measures and no other.
 */
export interface Contestant {
  readonly name: string;
  /** `ours`; `raw` for a driver with nothing on top, which baselines are chosen from; `peer` for another cache. */
  readonly kind: 'ours' | 'raw' | 'peer';
  /** How it is set up, and what it does more or less than the others; each becomes a footnote. */
  readonly notes: readonly string[];
  /** The npm packages whose versions the report shall name. */
  readonly packages: readonly string[];
  open(place: Place): Promise<OpenContestant>;
}
