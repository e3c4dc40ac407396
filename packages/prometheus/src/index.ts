export { type PrometheusHooks, type PrometheusHooksOptions, prometheusHooks } from './prometheus-hooks.ts';
