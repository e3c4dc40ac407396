import { setImmediate as nextTurn } from 'node:timers/promises';
import type { StandaloneClient } from './redis-client.ts';
import { isRefusal } from './server-error.ts';

/**
 * - `pending`: nothing was heard of it;
 * - `answered`: so the connection lives, and everything sent before it is done with;
 * - `unsent`: it was taken back before it was written, and so may be what was sent before it;
 * - `lost`: the connection ended.
 */
export type MarkerState = 'pending' | 'answered' | 'unsent' | 'lost';

/** A PING behind all that was handed to a client so far: node-redis writes commands, and a server answers them, in order. */
export class Marker {
  state: MarkerState = 'pending';
  /** Fulfils once it is not pending any more. */
  readonly settled: Promise<void>;
  readonly #taking = new AbortController();

  constructor(client: StandaloneClient) {
    const { signal } = this.#taking;
    this.settled = client.sendCommand(['PING'], { timeout: undefined, typeMapping: {}, abortSignal: signal }).then(
      () => {
        this.state = 'answered';
      },
      (error: unknown) => {
        this.state = isRefusal(error) ? 'answered' : signal.aborted ? 'unsent' : 'lost';
      },
    );
  }

  /** True if it is written, and with it whatever was handed to the client before. It is taken back if not. */
  async isSent(): Promise<boolean> {
    this.#taking.abort();
    await nextTurn();
    return this.state !== 'unsent';
  }
}
