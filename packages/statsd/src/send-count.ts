import type { MetricAddress } from './metric-address.ts';
import type { StatsdClient } from './statsd-client.ts';

/** Sends a sum whole, whatever sample rate the client has for single events. */
export function sendCount(client: StatsdClient, { name, tags }: MetricAddress, count: number): void {
  client.increment(name, count, 1, [...tags]);
}
