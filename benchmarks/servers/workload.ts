/** What one row of slices measures. */
export interface Workload {
  readonly operation: 'get' | 'set';
  readonly sizeBytes: number;
  /** How many calls are under way at any time. */
  readonly concurrency: number;
}

/** What one contestant did in its turn. */
export interface Slice {
  readonly calls: number;
  readonly elapsedMs: number;
  /** Processor time of the contestant's process alone: the server's is not in it. */
  readonly cpuMs: number;
}

/** For people: `get 200 B ×64`. */
export function describeWorkload({ operation, sizeBytes, concurrency }: Workload): string {
  return `${operation} ${describeSize(sizeBytes)} ×${concurrency}`;
}

/** For people: `200 B`, `20 KB`. */
export function describeSize(sizeBytes: number): string {
  return sizeBytes < 1_024 ? `${sizeBytes} B` : `${Number((sizeBytes / 1_024).toFixed(1))} KB`;
}
