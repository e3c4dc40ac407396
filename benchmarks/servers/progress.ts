/** Where a run is: one line that is rewritten on a terminal, a line now and then elsewhere. */
export class Progress {
  readonly #stream: NodeJS.WriteStream;
  #startedAt: number | undefined;
  #lastLineAt = Number.NEGATIVE_INFINITY;

  constructor(stream: NodeJS.WriteStream = process.stderr) {
    this.#stream = stream;
  }

  show(text: string): void {
    if (this.#stream.isTTY) this.#stream.write(`\r\x1b[K${text}`);
  }

  /** `done` of `total` equal steps are behind us; `text` says what comes now. */
  step(done: number, total: number, text: string): void {
    this.#startedAt ??= performance.now();
    const elapsedMs = performance.now() - this.#startedAt;
    const left = done === 0 ? '' : `, about ${Math.ceil(((elapsedMs / done) * (total - done)) / 1_000)} s left`;
    const line = `${Math.floor((done / total) * 100)} % · ${text}${left}`;
    if (this.#stream.isTTY) {
      this.show(line);
      return;
    }
    if (performance.now() - this.#lastLineAt < LINE_EVERY_MS) return;
    this.#lastLineAt = performance.now();
    this.#stream.write(`${line}\n`);
  }

  end(): void {
    if (this.#stream.isTTY) this.#stream.write('\r\x1b[K');
  }
}

const LINE_EVERY_MS = 15_000;
