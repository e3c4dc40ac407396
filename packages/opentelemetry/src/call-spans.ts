import type { CacheLoadEvent, CacheOperationEvent } from '@cache/core';
import { type Attributes, SpanKind, SpanStatusCode, type Tracer } from '@opentelemetry/api';
import { databaseSystemOf } from './attributes.ts';

/**
 * Makes spans of calls that have ended: hooks hear of a call when it is over, with its duration. So a span's parent is the
 * one that was active where the call was made, and spans of the calls within a call stand beside it, not below.
 */
export class CallSpans {
  readonly #tracer: Tracer;

  constructor(tracer: Tracer) {
    this.#tracer = tracer;
  }

  call({ cache, backend, operation, durationMs }: CacheOperationEvent, attributes: Attributes): void {
    // A database's span is named for its operation alone: a cache's name is none of the targets that the conventions know.
    if (databaseSystemOf(backend) === undefined) {
      this.#end(`${operation} ${cache}`, SpanKind.INTERNAL, durationMs, attributes);
    } else {
      this.#end(operation, SpanKind.CLIENT, durationMs, attributes);
    }
  }

  load({ cache, durationMs }: CacheLoadEvent, attributes: Attributes): void {
    this.#end(`load ${cache}`, SpanKind.INTERNAL, durationMs, attributes);
  }

  #end(name: string, kind: SpanKind, durationMs: number, attributes: Attributes): void {
    const endTime = Date.now();
    const span = this.#tracer.startSpan(name, { kind, attributes, startTime: endTime - durationMs });
    if (attributes['cache.outcome'] === 'error') span.setStatus({ code: SpanStatusCode.ERROR });
    span.end(endTime);
  }
}
