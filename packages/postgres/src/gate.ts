/** What many wait for, opened or failed by another. */
export class Gate {
  readonly promise: Promise<void>;
  open: () => void = () => {};
  fail: (error: unknown) => void = () => {};

  constructor() {
    this.promise = new Promise<void>((resolve, reject) => {
      this.open = resolve;
      this.fail = reject;
    });
    // Whoever waited may have been given up since.
    this.promise.catch(() => {});
  }
}
