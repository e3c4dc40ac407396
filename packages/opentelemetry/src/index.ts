export { type OpenTelemetryHooks, type OpenTelemetryHooksOptions, openTelemetryHooks } from './open-telemetry-hooks.ts';
