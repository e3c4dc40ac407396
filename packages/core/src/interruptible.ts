/** Long work (clears, key listings, cleanups) that a caller may stop between two chunks. */
export interface Interruptible {
  /**
   * Aborting it stops the work before its next chunk; the call rejects with the signal's reason.
   * @default none
   */
  readonly signal?: AbortSignal;
}
