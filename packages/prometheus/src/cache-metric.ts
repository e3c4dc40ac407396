import { CacheOptionError } from '@cache/core';
import type { OpenMetricsContentType, PrometheusContentType, Registry } from 'prom-client';

/** A registry of prom-client, in either format. */
export type MetricRegistry = Registry<PrometheusContentType> | Registry<OpenMetricsContentType>;

/** Shared by all copies of this package in a process, since they may share a registry. */
export const CACHE_METRIC: unique symbol = Symbol.for('@cache/prometheus') as never;

/** A metric that caches count into. `shape` is what two users of it must agree on. */
export interface CacheMetric {
  readonly [CACHE_METRIC]: string;
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
  if (known[CACHE_METRIC] === shape) return known as M;
  throw new CacheOptionError(
    known[CACHE_METRIC] === undefined
      ? `The registry has a metric "${name}" of somebody else: choose another prefix.`
      : `The registry has "${name}" with other buckets: give all hooks of one registry the same, or another prefix.`,
  );
}
