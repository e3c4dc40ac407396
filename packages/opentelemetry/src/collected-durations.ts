import type { Attributes, HrTime, ValueType } from '@opentelemetry/api';

/** A histogram's point, as an SDK of version 2 has it. */
export interface CollectedPoint {
  readonly startTime: HrTime;
  readonly endTime: HrTime;
  readonly attributes: Attributes;
  readonly value: {
    buckets: { boundaries: number[]; counts: number[] };
    sum: number;
    count: number;
    min: number;
    max: number;
  };
}

/** A histogram, as an SDK of version 2 has it; the numbers are those of its enumerations. */
export interface CollectedHistogram {
  readonly descriptor: {
    readonly name: string;
    readonly description: string;
    readonly unit: string;
    readonly valueType: ValueType;
  };
  /** `AggregationTemporality.CUMULATIVE` */
  readonly aggregationTemporality: 1;
  /** `DataPointType.HISTOGRAM` */
  readonly dataPointType: 0;
  readonly dataPoints: CollectedPoint[];
}

/** The resource of a collection. A reader takes that of its own provider instead. */
export interface NoResource {
  readonly attributes: Attributes;
  merge(): NoResource;
  getRawAttributes(): [];
}

/** The `CollectionResult` of a `MetricProducer`. */
export interface CollectedDurations {
  resourceMetrics: {
    resource: NoResource;
    scopeMetrics: { scope: { name: string }; metrics: CollectedHistogram[] }[];
  };
  errors: unknown[];
}
