import { isDirectInstance } from '@cache/core';

const ERROR_CLASSES: ReadonlyMap<string, ErrorConstructor | AggregateErrorConstructor> = new Map(
  [Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError, AggregateError].map((type) => [
    type.name,
    type,
  ]),
);

/** What an error may have beside the properties that were added to it. None of these is enumerable. */
const OWN_PROPERTIES = ['name', 'message', 'cause', 'errors'] as const;

/**
 * What an error is made of, as data: its class, what it was made with, and the properties that were added to it. Or
 * `undefined` for an error of another class, and for one with hidden properties that nothing is known of or that are getters.
 */
export function recordOfError(error: Error, stacks: 'omit' | 'keep'): Readonly<Record<string, unknown>> | undefined {
  const className = [...ERROR_CLASSES].find(([, type]) => isDirectInstance(error, type))?.[0];
  if (className === undefined || Object.getOwnPropertySymbols(error).length > 0) return undefined;
  const record: Record<string, unknown> = { class: className };
  const added: PropertyDescriptorMap = {};
  for (const [name, property] of Object.entries(Object.getOwnPropertyDescriptors(error))) {
    if (name === 'stack') continue;
    if (property.enumerable === true) Object.defineProperty(added, name, { value: property, enumerable: true });
    else if (OWN_PROPERTIES.some((own) => own === name) && 'value' in property) record[name] = property.value;
    else return undefined;
  }
  if (stacks === 'keep' && typeof error.stack === 'string') record['stack'] = error.stack;
  // With their getters, which the walk refuses.
  if (Object.keys(added).length > 0) record['properties'] = Object.defineProperties({}, added);
  return record;
}

/** The error that a record describes. Throws for what is no record of an error. */
export function errorOfRecord(content: unknown): Error {
  if (!isObject(content)) throw new TypeError('No error.');
  const { class: className, stack, properties, ...own } = content;
  const type = typeof className === 'string' ? ERROR_CLASSES.get(className) : undefined;
  if (type === undefined || Object.keys(own).some((name) => !OWN_PROPERTIES.some((known) => known === name)))
    throw new TypeError('No error.');
  const error = type === AggregateError ? new AggregateError([]) : new (type as ErrorConstructor)();
  if (type === AggregateError && !('errors' in own)) Reflect.deleteProperty(error, 'errors');
  for (const [name, value] of Object.entries(own)) define(error, name, value, false);
  // The stack of the call that reads would mislead: without its own, an error says only what it is.
  const header = typeof own['message'] === 'string' ? `${type.name}: ${own['message']}` : type.name;
  define(error, 'stack', typeof stack === 'string' ? stack : header, false);
  if (properties !== undefined) {
    if (!isObject(properties)) throw new TypeError('No error.');
    for (const [name, value] of Object.entries(properties)) define(error, name, value, true);
  }
  return error;
}

function define(error: Error, name: string, value: unknown, isEnumerable: boolean): void {
  Object.defineProperty(error, name, { value, writable: true, configurable: true, enumerable: isEnumerable });
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
