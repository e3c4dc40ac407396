/** Ends something that was opened. */
export type Closer = () => unknown;

/** Ends everything, the last opened first. What fails keeps nothing else open. Throws the first failure at the end. */
export async function closeAll(closers: readonly Closer[]): Promise<void> {
  const failures: unknown[] = [];
  for (const close of [...closers].reverse()) {
    try {
      await close();
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw failures[0];
}
