/** What takes a second to compute, and holds what plain JSON does not. */
export interface SalesReport {
  readonly id: number;
  readonly madeAt: Date;
  /** In the smallest coin, beyond what a number counts exactly. */
  readonly revenue: bigint;
  readonly unitsByProduct: ReadonlyMap<string, number>;
  readonly regions: ReadonlySet<string>;
  /** Of each hour of a day. */
  readonly load: Float64Array;
  readonly logo: Uint8Array;
  /** NaN where nothing was sold. */
  readonly returnRate: number;
  readonly remark: string | undefined;
}

export function makeReport(id: number): SalesReport {
  return {
    id,
    madeAt: new Date('2026-11-22T12:00:00.000Z'),
    revenue: 12_345_678_901_234_567_890n,
    unitsByProduct: new Map([
      ['tea', 120],
      ['coffee', 80],
    ]),
    regions: new Set(['north', 'south']),
    load: Float64Array.from({ length: 24 }, (_, hour) => Math.sin(hour / 4)),
    logo: Uint8Array.from({ length: 64 }, (_, index) => index),
    returnRate: Number.NaN,
    remark: undefined,
  };
}
