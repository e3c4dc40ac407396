import { setImmediate as nextTurn } from 'node:timers/promises';

/** What is used of a client that dials. */
interface DiallingClient {
  on(event: 'connect' | 'reconnecting', listener: () => void): unknown;
}

/**
 * Whether a client of our own is dialling: the one moment at which it must not be closed or destroyed. node-redis, 5 and 6,
 * has no hold of its socket then. It finds nothing to end, and the socket that is made a moment later stays open for ever,
 * and its process with it.
 *
 * A dial begins with `connect()` or the event `reconnecting`. It ends with the event `connect`, or with a question to the
 * reconnect strategy. The event `error` says nothing: a ping of the connection before may fail that late.
 */
export class Dial {
  #isUnderWay = false;
  #onOver: (() => void)[] = [];

  watch(client: DiallingClient): void {
    client.on('reconnecting', () => this.begin());
    client.on('connect', () => this.end());
  }

  /** To be called before the client's `connect()`. */
  begin(): void {
    this.#isUnderWay = true;
  }

  /** To be called when the reconnect strategy is asked. */
  end(): void {
    this.#isUnderWay = false;
    const waiting = this.#onOver;
    this.#onOver = [];
    for (const tell of waiting) tell();
  }

  /** Resolves at a moment at which the client may be destroyed. Dialling is limited by the client's `connectTimeout`. */
  async over(): Promise<void> {
    while (this.#isUnderWay) {
      await new Promise<void>((resolve) => this.#onOver.push(resolve));
      // The handshake's commands are there a moment after `connect`, and destroying the client ends what is there.
      await nextTurn();
    }
  }
}
