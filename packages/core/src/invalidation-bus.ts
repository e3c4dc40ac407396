/** What every process must forget. */
export type Invalidation =
  | { readonly kind: 'key'; readonly key: string }
  | { readonly kind: 'tag'; readonly tag: string }
  | { readonly kind: 'clear' }
  | { readonly kind: 'clearPrefix'; readonly prefix: string };

/** Why messages may have been missed. */
export type BusGap = 'connected' | 'reconnected' | 'skipped' | 'trimmed' | 'restored';

/** Who listens to a bus. Both calls are synchronous: when they return, the local copy is gone. */
export interface InvalidationListener {
  /**
   * Something was invalidated by the process that calls itself `origin`.
   * It was carried out in the shared store before this message was sent.
   */
  onInvalidation(invalidation: Invalidation, origin: string): void;

  /** Messages may have been missed: forget everything, and what is in flight too. */
  onGap(reason: BusGap): void;
}

/**
 * Carries invalidations between processes that keep local copies of a shared store. It only ever says "forget": losing
 * a message is made visible as a gap, and silence is never taken for health.
 *
 * The order at a (re)connection is: read the bus's last position, then `onGap`, then deliver what follows it. A gap is
 * the only thing told about a reconnection; resuming where one left off is not attempted.
 */
export interface InvalidationBus {
  /** A name of this process's own, unique among all, that its messages carry. */
  readonly origin: string;

  /**
   * Monotonic time (`performance.now()`) at which the newest poll that has been answered was sent; everything published
   * before it has been delivered. `undefined` while the bus is not live.
   */
  readonly liveAtMs: number | undefined;

  /** Tells every other process, and this one's listeners. Fulfils once the message is with the bus's server. */
  publish(invalidations: readonly Invalidation[]): Promise<void>;

  /** Delivers to `listener` until the function returned is called. Begins with a gap. */
  subscribe(listener: InvalidationListener): () => void;

  /** Ends the bus; `liveAtMs` is `undefined` from then on. */
  close(): Promise<void>;
}
