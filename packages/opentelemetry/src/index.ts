export type { CollectedDurations } from './collected-durations.ts';
export { DurationProducer } from './duration-producer.ts';
export { type OpenTelemetryHooks, type OpenTelemetryHooksOptions, openTelemetryHooks } from './open-telemetry-hooks.ts';
