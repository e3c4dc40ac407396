export type { Tagging } from './metric-address.ts';
export type { StatsdClient } from './statsd-client.ts';
export { type StatsdHooks, type StatsdHooksOptions, statsdHooks } from './statsd-hooks.ts';
