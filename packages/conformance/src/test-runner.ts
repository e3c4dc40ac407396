/** The part of a test runner that the suite uses: that of jest, vitest, mocha, bun and node:test alike. */
export interface TestRunner {
  describe(name: string, body: () => void): unknown;
  it(name: string, body: () => Promise<void>, timeoutMs?: number): unknown;
}

/**
 * The runner's own globals.
 *
 * @throws Error when there are none
 */
export function globalTestRunner(): TestRunner {
  const { describe, it } = globalThis as Partial<TestRunner>;
  if (typeof describe === 'function' && typeof it === 'function') return { describe, it };
  throw new Error(
    'No global describe and it: pass those of your test runner, describeCache(options, { describe, it }) or describeSerializer(options, { describe, it }).',
  );
}
