import { inspect } from 'node:util';
import { CacheUnavailableError, redactedCause } from '@cache/core';
import { expect, test } from '@jest/globals';

const CANARY = 'canary-7f3a91';

test('of a driver’s error only its name and code are kept', () => {
  const error = Object.assign(new Error(`password "${CANARY}" for redis://user:${CANARY}@host`), {
    name: 'PostgresError',
    code: '28P01',
    detail: CANARY,
    query: `insert into t values ('${CANARY}')`,
    parameters: [CANARY],
    [Symbol(CANARY)]: CANARY,
    cause: new Error(CANARY),
  });
  Object.defineProperty(error, 'hidden', { value: CANARY, enumerable: false });
  const cause = redactedCause(error);
  expect(cause).toEqual({ name: 'PostgresError', code: '28P01' });

  const thrown = new CacheUnavailableError('The server refused.', { operation: 'get', backend: 'test', cause });
  const everything = inspect(thrown, { showHidden: true, depth: null }) + JSON.stringify(thrown) + thrown.stack;
  expect(everything).not.toContain(CANARY);
  expect(everything).toContain('28P01');
});

test.each([
  [undefined, { name: 'undefined', code: undefined }],
  [null, { name: 'null', code: undefined }],
  [CANARY, { name: 'string', code: undefined }],
  [{}, { name: 'Error', code: undefined }],
  [
    { name: `a sentence with ${CANARY}`, code: `ERR ${CANARY}` },
    { name: 'Error', code: undefined },
  ],
  [
    { name: 5, code: 5 },
    { name: 'Error', code: undefined },
  ],
  [
    { name: 'x'.repeat(65), code: '' },
    { name: 'Error', code: undefined },
  ],
])('of %p nothing is kept that is no identifier', (error, cause) => {
  expect(redactedCause(error)).toEqual(cause);
});
