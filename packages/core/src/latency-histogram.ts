/** Each power of two is split in this many equal buckets: a quantile is at most 1/16, 6.25 %, too high. */
const SUB_BUCKETS = 16;
const SUB_BUCKET_BITS = 4;
/** Durations are counted in sixteenths of a microsecond, so that the bound holds from 1 µs on. */
const UNITS_PER_MS = 16_000;
/** 2^36 units are 71 minutes: what takes longer counts as that. */
const UNIT_BITS = 36;
const MAX_UNITS = 2 ** UNIT_BITS - 1;
/** Below it the bitwise operators work, which find a bucket in a few cycles. */
const INTEGER_LIMIT = 2 ** 31;
const DROPPED_BITS = 16;
const BUCKET_COUNT = (UNIT_BITS - SUB_BUCKET_BITS + 1) * SUB_BUCKETS;

/** A bucket and how many durations fell into it or below. */
export interface LatencyBucket {
  readonly upToMs: number;
  readonly cumulativeCount: number;
}

/**
 * Counts durations in log-linear buckets, in constant memory (4.2 kB), as HdrHistogram does (Gil Tene,
 * hdrhistogram.org): from 1 µs to 71 minutes each within 6.25 %, below 1 µs within 62.5 ns.
 */
export class LatencyHistogram {
  readonly #counts = new Float64Array(BUCKET_COUNT);
  #count = 0;
  #sumMs = 0;
  #maxMs = 0;

  /** How many durations were recorded. */
  get count(): number {
    return this.#count;
  }

  /** The sum of all durations. */
  get sumMs(): number {
    return this.#sumMs;
  }

  /** The longest duration, exactly; 0 before the first. */
  get maxMs(): number {
    return this.#maxMs;
  }

  /** The mean duration; 0 before the first. */
  get meanMs(): number {
    return this.#count === 0 ? 0 : this.#sumMs / this.#count;
  }

  /** Records a duration, once or as often as `count` says. What is negative or not finite counts as 0. */
  record(durationMs: number, count = 1): void {
    const duration = durationMs > 0 && durationMs < Number.POSITIVE_INFINITY ? durationMs : 0;
    const bucket = bucketOf(duration);
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + count;
    this.#count += count;
    this.#sumMs += duration * count;
    if (duration > this.#maxMs) this.#maxMs = duration;
  }

  /** The duration that the share `quantile` (0 to 1) of all durations does not exceed; 0 before the first. */
  quantileMs(quantile: number): number {
    const rank = Math.max(1, Math.ceil(Math.min(Math.max(quantile, 0), 1) * this.#count));
    let seen = 0;
    for (const [bucket, count] of this.#counts.entries()) {
      seen += count;
      if (seen >= rank) return Math.min(upperBoundMs(bucket), this.#maxMs);
    }
    return this.#maxMs;
  }

  /** The buckets that hold something, in order: what an exporter publishes. */
  buckets(): LatencyBucket[] {
    const filled: LatencyBucket[] = [];
    let cumulativeCount = 0;
    for (const [bucket, count] of this.#counts.entries()) {
      if (count === 0) continue;
      cumulativeCount += count;
      filled.push({ upToMs: upperBoundMs(bucket), cumulativeCount });
    }
    return filled;
  }

  /** Adds everything that another histogram recorded. */
  merge(other: LatencyHistogram): void {
    for (const [bucket, count] of other.#counts.entries()) {
      this.#counts[bucket] = (this.#counts[bucket] ?? 0) + count;
    }
    this.#count += other.#count;
    this.#sumMs += other.#sumMs;
    this.#maxMs = Math.max(this.#maxMs, other.#maxMs);
  }
}

function bucketOf(durationMs: number): number {
  const units = durationMs * UNITS_PER_MS;
  if (units < INTEGER_LIMIT) return integerBucketOf(units | 0);
  // Only the five highest bits say which bucket it is, so the lowest may go.
  return integerBucketOf(Math.floor(Math.min(units, MAX_UNITS) / 2 ** DROPPED_BITS)) + DROPPED_BITS * SUB_BUCKETS;
}

function integerBucketOf(units: number): number {
  if (units < SUB_BUCKETS) return units;
  const octave = 31 - Math.clz32(units) - SUB_BUCKET_BITS;
  return octave * SUB_BUCKETS + (units >>> octave);
}

function upperBoundMs(bucket: number): number {
  if (bucket < SUB_BUCKETS) return (bucket + 1) / UNITS_PER_MS;
  const octave = Math.floor(bucket / SUB_BUCKETS) - 1;
  return (((bucket % SUB_BUCKETS) + SUB_BUCKETS + 1) * 2 ** octave) / UNITS_PER_MS;
}
