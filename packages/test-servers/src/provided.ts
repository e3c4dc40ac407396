/** A server that tests may use, wherever it came from. */
export interface Provided {
  /** Its address. */
  readonly url: string;
  /** Where it came from, for people to read. */
  readonly origin: string;
  /** Stops it if we started it; otherwise removes what the tests left. */
  close(): Promise<void>;
}
