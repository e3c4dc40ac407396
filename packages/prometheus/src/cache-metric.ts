import { CacheOptionError } from '@cache/core';
import type { OpenMetricsContentType, PrometheusContentType, Registry } from 'prom-client';

/** A registry of prom-client, in either format. */
export type MetricRegistry = Registry<PrometheusContentType> | Registry<OpenMetricsContentType>;

/** A metric that caches count into. It is known by this property: several copies of this package may share a registry. */
export interface CacheMetric {
  /** What two users of it must agree on. */
  readonly cacheMetricShape: string;
}

/**
 * The metric of that name in the registry, which may already be there for other caches, or a new one.
 *
 * @throws CacheOptionError if the name belongs to a metric of somebody else, or to one of ours with other buckets
 */
export function metricIn<M extends CacheMetric>(
  register: MetricRegistry,
  name: string,
  shape: string,
  create: () => M,
): M {
  const known = register.getSingleMetric(name) as Partial<CacheMetric> | undefined;
  if (known === undefined) return create();
  if (known.cacheMetricShape === shape) return known as M;
  throw new CacheOptionError(
    known.cacheMetricShape === undefined
      ? `The registry has a metric "${name}" of somebody else: choose another prefix.`
      : `The registry has "${name}" with other buckets: give all hooks of one registry the same, or another prefix.`,
  );
}
