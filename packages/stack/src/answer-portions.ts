import { setImmediate as afterThisTurn } from 'node:timers';

/** So few answers are dealt with at once: a request of its own for less would cost more than it gains. */
const SMALLEST_PORTION = 16;

// Kept from the beginning: a test that puts its own time in the place of the process's must not hold answers up.
const afterTurn: typeof afterThisTurn = afterThisTurn;
const SETTLED: Promise<void> = Promise.resolve();

/**
 * Deals with answers that come together in portions, half of what is under way in one turn of the event loop. Callers whose
 * requests travel together are answered together and ask together again, so that the store would have nothing to do while
 * this process works through its answers, and this process nothing while the store works. In two halves, the requests that
 * follow from one are on their way while the other is dealt with, and stay apart from then on.
 *
 * Each answer is dealt with once, in the order in which they came, and by the event loop's next turns at the latest.
 */
export class AnswerPortions {
  readonly #countUnderWay: () => number;
  readonly #waiting: (() => void)[] = [];
  /** How many more are dealt with in this turn. */
  #left = 0;
  #isTurnUnderWay = false;

  /** @param countUnderWay how many answers are still to come or to be dealt with */
  constructor(countUnderWay: () => number) {
    this.#countUnderWay = countUnderWay;
  }

  /** Calls `answer` now or in a turn soon. */
  deal(answer: () => void): void {
    if (!this.#isTurnUnderWay) {
      this.#isTurnUnderWay = true;
      this.#left = this.#portion();
      afterTurn(this.#endTurn);
    }
    if (this.#left === 0) {
      this.#waiting.push(answer);
      return;
    }
    this.#left -= 1;
    answer();
  }

  readonly #endTurn = (): void => {
    this.#left = 0;
    // Clients send at the end of a turn what was asked in it, and that is only after this one's turn to run.
    if (this.#waiting.length > 0) afterTurn(this.#dealNext);
    else this.#isTurnUnderWay = false;
  };

  readonly #dealNext = (): void => {
    afterTurn(this.#endTurn);
    // Each in a job of its own: one that throws keeps no other waiting.
    for (const answer of this.#waiting.splice(0, this.#portion())) void SETTLED.then(answer);
  };

  #portion(): number {
    return Math.max(SMALLEST_PORTION, Math.ceil(this.#countUnderWay() / 2));
  }
}
