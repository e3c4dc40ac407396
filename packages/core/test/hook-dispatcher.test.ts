import {
  type CacheHookName,
  type CacheHooks,
  CacheKeyError,
  createHookDispatcher,
  type HookDispatcher,
} from '@cache/core';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';

const source = { cache: 'users', backend: 'test' };
const warnings: { message: string; code: string }[] = [];
const emitWarning = process.emitWarning;
beforeEach(() => {
  warnings.length = 0;
  process.emitWarning = (message: string | Error, options?: unknown) => {
    warnings.push({ message: String(message), code: (options as { code: string }).code });
  };
});
afterEach(() => {
  process.emitWarning = emitWarning;
});

const everythingSettled = () => new Promise((resolve) => setTimeout(resolve, 5));

function dispatcher(...hooks: CacheHooks[]): HookDispatcher {
  const created = createHookDispatcher(hooks, source);
  if (created === undefined) throw new Error('There are hooks, so there is a dispatcher.');
  return created;
}

function thenable(then: (resolve: unknown, reject: (reason: unknown) => void) => void): unknown {
  return Object.defineProperty({}, 'then', { value: then });
}

const EVENTS: [name: CacheHookName, tell: (hooks: HookDispatcher) => void, event: object][] = [
  ['onHit', (hooks) => hooks.hit('get', 'k', 1), { operation: 'get', key: 'k', durationMs: 1 }],
  ['onHit', (hooks) => hooks.hit('get', 'k', 1, 7), { operation: 'get', key: 'k', durationMs: 1, payloadBytes: 7 }],
  [
    'onHit',
    (hooks) => hooks.hit('getOrSet', 'k', 1, undefined, 'l1'),
    { operation: 'getOrSet', key: 'k', durationMs: 1, level: 'l1' },
  ],
  [
    'onHit',
    (hooks) => hooks.hit('getOrSet', 'k', 1, 7, 'l2'),
    { operation: 'getOrSet', key: 'k', durationMs: 1, payloadBytes: 7, level: 'l2' },
  ],
  ['onMiss', (hooks) => hooks.miss('mget', 'k', 2), { operation: 'mget', key: 'k', durationMs: 2 }],
  ['onSet', (hooks) => hooks.set('set', 'k', 3, 8), { operation: 'set', key: 'k', durationMs: 3, payloadBytes: 8 }],
  ['onRemove', (hooks) => hooks.remove('removeItem', 'k', 4), { operation: 'removeItem', key: 'k', durationMs: 4 }],
  ['onEvict', (hooks) => hooks.evict('k', 'size'), { key: 'k', reason: 'size' }],
  ['onExpire', (hooks) => hooks.expire('k'), { key: 'k' }],
  ['onLoad', (hooks) => hooks.load('k', 'error', 5), { key: 'k', outcome: 'error', durationMs: 5 }],
  [
    'onBreaker',
    (hooks) => hooks.breaker('open', 'closed', 3),
    { state: 'open', previousState: 'closed', queuedInvalidations: 3 },
  ],
  ['onOperation', (hooks) => hooks.operation('get', 'stale', 6), { operation: 'get', outcome: 'stale', durationMs: 6 }],
  [
    'onOperation',
    (hooks) => hooks.operation('get', 'hit', 7, 'l2'),
    { operation: 'get', outcome: 'hit', durationMs: 7, level: 'l2' },
  ],
];

describe('createHookDispatcher', () => {
  test('gives nothing when there are no hooks, so that nothing is paid', () => {
    expect(createHookDispatcher(undefined, source)).toBeUndefined();
    expect(createHookDispatcher([], source)).toBeUndefined();
  });

  test('takes one object or a list', () => {
    const heard: string[] = [];
    createHookDispatcher({ onExpire: ({ key }) => void heard.push(key) }, source)?.expire('one');
    createHookDispatcher([{ onExpire: ({ key }) => void heard.push(key) }], source)?.expire('list');
    expect(heard).toEqual(['one', 'list']);
  });
});

test.each(EVENTS)('%s gets its event with the cache it is from', (name, tell, event) => {
  const heard: unknown[] = [];
  tell(dispatcher({ [name]: (given: unknown) => heard.push(given) }));
  expect(heard).toStrictEqual([{ ...source, ...event }]);
});

test('onError gets the error itself', () => {
  const error = new CacheKeyError('A key is not empty.');
  const heard: unknown[] = [];
  dispatcher({ onError: (event) => heard.push(event) }).error('get', error, 1);
  expect(heard).toEqual([{ ...source, operation: 'get', error, durationMs: 1 }]);
});

test.each(EVENTS)('nobody needs to listen to %s', (name, tell) => {
  const hooks = dispatcher({});
  expect(hooks.hears(name)).toBe(false);
  expect(() => tell(hooks)).not.toThrow();
  hooks.error('get', new CacheKeyError('A key is not empty.'), 1);
});

test('hooks are called in their order, each with its own this', () => {
  const order: string[] = [];
  class Listener implements CacheHooks {
    readonly #name: string;
    constructor(name: string) {
      this.#name = name;
    }
    onExpire(): void {
      order.push(this.#name);
    }
  }
  dispatcher(new Listener('first'), {}, new Listener('second')).expire('k');
  expect(order).toEqual(['first', 'second']);
});

describe('reads may be told of together', () => {
  const each: CacheHooks = { usesAsyncContext: false, onHit: () => {} };
  const together: CacheHooks = { ...each, onMiss: () => {}, onOperation: () => {}, onReads: () => {} };

  test.each<[hooks: string, expected: boolean, hooks: readonly CacheHooks[]]>([
    ['all take them as numbers', true, [together, together]],
    ['the others hear of no reads', true, [together, { usesAsyncContext: false, onSet: () => {}, onError: () => {} }]],
    ['one needs to hear of each hit', false, [together, each]],
    ['one needs to hear of each miss', false, [{ usesAsyncContext: false, onMiss: () => {} }, together]],
    ['one needs to hear of each call', false, [together, { usesAsyncContext: false, onOperation: () => {} }]],
    ['one reads the async context', false, [together, { onSet: () => {} }]],
    ['one that takes numbers reads the async context', false, [{ ...together, usesAsyncContext: true }]],
  ])('where %s: %s', (_, expected, hooks) => {
    expect(dispatcher(...hooks).takesReadsTogether).toBe(expected);
  });

  test('and each hook gets the numbers, with the bytes for those who ask', () => {
    const heard: unknown[] = [];
    const onReads: CacheHooks['onReads'] = ({ payloadBytes, ...event }) => heard.push({ ...event, is: payloadBytes() });
    dispatcher({ onReads }, { onReads }).reads('get', 3, 2, 7, () => 42);
    const event = { ...source, operation: 'get', hits: 3, misses: 2, durationMs: 7, is: 42 };
    expect(heard).toStrictEqual([event, event]);
  });
});

describe('a hook that fails', () => {
  const fail = (): never => {
    throw new TypeError('secret');
  };
  const failing: [kind: string, hook: () => unknown][] = [
    ['throws', fail],
    ['rejects with what is no error', () => Promise.reject('secret')],
    ['rejects', async () => fail()],
    ['gives a thenable that throws', () => thenable(fail)],
    ['gives a thenable that rejects', () => thenable((_, reject) => reject('secret'))],
  ];

  test.each(failing)('that %s harms neither the call nor the other hooks', async (_, hook) => {
    const heard: string[] = [];
    const hooks = dispatcher({ onExpire: hook as () => void }, { onExpire: ({ key }) => void heard.push(key) });
    hooks.expire('a');
    hooks.expire('b');
    await everythingSettled();
    expect(heard).toEqual(['a', 'b']);
  });

  test.each(failing)('that %s is reported once, without what it said', async (_, hook) => {
    const hooks = dispatcher({ onExpire: hook as () => void });
    for (let count = 0; count < 3; count += 1) hooks.expire('k');
    await everythingSettled();
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatchObject({ code: 'CACHE_HOOK_FAILED', message: expect.stringContaining('"users"') });
    expect(warnings[0]?.message).not.toContain('secret');
  });

  test('that gives a value or a promise that fulfils is no failure', async () => {
    const hooks = dispatcher({ onExpire: (async () => 1) as () => never }, { onExpire: (() => 5) as () => never });
    hooks.expire('k');
    await everythingSettled();
    expect(warnings).toEqual([]);
  });
});

test('a hook that is no function is refused when the cache is made, by its name', () => {
  const hooks = { onHit: 5 } as unknown as CacheHooks;
  expect(() => createHookDispatcher(hooks, source)).toThrow(
    expect.objectContaining({ code: 'ERR_CACHE_OPTION', message: 'hooks.onHit is a function; got number.' }),
  );
});

test.each<[got: string, hooks: unknown]>([
  ['null', null],
  ['undefined', [{}, undefined]],
  ['boolean', [false]],
  ['string', 'onHit'],
])('what is no object with hooks is refused when the cache is made: %s', (got, hooks) => {
  expect(() => createHookDispatcher(hooks as CacheHooks, source)).toThrow(
    expect.objectContaining({ code: 'ERR_CACHE_OPTION', message: expect.stringContaining(`got ${got}.`) }),
  );
});

test.each<[uses: boolean, hooks: CacheHooks[]]>([
  [true, [{}]],
  [true, [{ usesAsyncContext: true }]],
  [false, [{ usesAsyncContext: false }]],
  [true, [{ usesAsyncContext: false }, {}]],
  [false, [{ usesAsyncContext: false }, { usesAsyncContext: false }]],
])('the async context is used (%s) unless all hooks say that they do not: %j', (uses, hooks) => {
  expect(dispatcher(...hooks).usesAsyncContext).toBe(uses);
});

test('a usesAsyncContext that is no boolean is refused when the cache is made', () => {
  const hooks = { usesAsyncContext: 'no' } as unknown as CacheHooks;
  expect(() => createHookDispatcher([{}, hooks], source)).toThrow(
    expect.objectContaining({
      code: 'ERR_CACHE_OPTION',
      message: 'hooks.usesAsyncContext is true or false; got string.',
    }),
  );
});
