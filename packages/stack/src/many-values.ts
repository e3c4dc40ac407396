import type { LoadAnswer } from './load-path.ts';

/** What `getOrSetMany` found: values and failures by key. A key in neither has no value. */
export interface ManyValues<V> {
  readonly values: ReadonlyMap<string, V>;
  readonly errors: ReadonlyMap<string, unknown>;
}

/** Answers by key, as the application gets them. */
export function manyValues<V>(answers: ReadonlyMap<string, LoadAnswer<V>>): ManyValues<V> {
  const values = new Map<string, V>();
  const errors = new Map<string, unknown>();
  for (const [key, answer] of answers) {
    if (answer.kind === 'value') values.set(key, answer.value);
    if (answer.kind === 'error') errors.set(key, answer.error);
  }
  return { values, errors };
}
