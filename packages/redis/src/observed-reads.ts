import type { CallObserver } from './call-observer.ts';
import type { ReadCompanions } from './command-batch.ts';
import type { MultiGet, StoredReplies } from './multi-get.ts';

/** Reads whose hooks hear of all that one reply answers at once, without a promise job for it. */
export class ObservedReads implements ReadCompanions {
  readonly #reads: ReadCompanions;
  readonly #observer: CallObserver;

  constructor(reads: ReadCompanions, observer: CallObserver) {
    this.#reads = reads;
    this.#observer = observer;
  }

  accompany(reads: readonly MultiGet[]): void {
    this.#reads.accompany(reads);
  }

  settle(command: MultiGet, replies: StoredReplies): void {
    this.#observer.together(() => this.#reads.settle(command, replies));
  }
}
