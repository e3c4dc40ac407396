/** Deadlines for tests that are not about deadlines: a busy machine is no failure. */
export const PATIENT = { readTimeoutMs: 10_000, writeTimeoutMs: 10_000 } as const;
