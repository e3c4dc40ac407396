import { CacheValueError } from '@cache/core';
import type { SchemaResult, StandardSchema } from './standard-schema.ts';

/** Asks a schema about values on their way in and out; without one, everything fits. */
export class SchemaCheck<Input, Output> {
  readonly #schema: StandardSchema<Input, Output> | undefined;

  constructor(schema: StandardSchema<Input, Output> | undefined) {
    this.#schema = schema;
  }

  /** True if there is a schema to ask. */
  get isStrict(): boolean {
    return this.#schema !== undefined;
  }

  /**
   * Passes if the value fits. What is stored is the value as it is given, so that a schema which transforms (a string into a
   * Date) meets the same thing on each way out.
   *
   * @throws CacheValueError with the first place that does not fit
   */
  async require(value: Input, key: string): Promise<void> {
    const result = await this.#validate(value);
    if (result.issues === undefined) return;
    const path = pathOf(result.issues[0]?.path ?? []);
    // The issue's own message is left out: it may quote the value.
    throw new CacheValueError(`The value does not fit the namespace's schema at ${path}.`, {
      operation: 'set',
      backend: 'stack',
      key,
      path,
    });
  }

  /** What the schema makes of a stored value, or `undefined` if it does not fit any more. */
  async output(value: unknown): Promise<Output | undefined> {
    if (value === undefined) return undefined;
    const result = await this.#validate(value);
    return result.issues === undefined ? result.value : undefined;
  }

  #validate(value: unknown): SchemaResult<Output> | Promise<SchemaResult<Output>> {
    return this.#schema === undefined ? { value: value as Output } : this.#schema['~standard'].validate(value);
  }
}

function pathOf(steps: readonly (PropertyKey | { readonly key: PropertyKey })[]): string {
  return steps.reduce<string>((path, step) => {
    const key = typeof step === 'object' ? step.key : step;
    return `${path}${typeof key === 'number' ? `[${key}]` : `.${String(key)}`}`;
  }, '$');
}
