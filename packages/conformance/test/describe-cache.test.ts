import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import {
  conformanceRules,
  describeCache,
  describeSerializer,
  serializerRules,
  type TestRunner,
} from '@cache/conformance';
import { jsonSerializer } from '@cache/core';
import { expect, test } from '@jest/globals';
import { PlainCache } from './plain-cache.ts';

const options = { name: 'plain', create: () => new PlainCache({ now: () => 0, copy: (value) => value }) };

test('the tests are declared through the runner that is handed over, one a rule, in groups', () => {
  const titles: string[] = [];
  const tests: string[] = [];
  const runner: TestRunner = {
    describe: (title, body) => {
      titles.push(title);
      body();
    },
    it: (name, body, timeoutMs) => {
      expect(typeof body).toBe('function');
      expect(timeoutMs).toBeGreaterThan(10_000);
      tests.push(name);
    },
  };
  describeCache(options, runner);
  expect(titles).toEqual([
    'plain keeps the contract of a cache',
    'declaration',
    'keys',
    'values',
    'expiration',
    'removal',
  ]);
  expect(tests).toEqual(conformanceRules(options).map(({ name }) => name));
});

test('the rules of a serializer are declared alike', () => {
  const serializer = { name: 'json', create: () => jsonSerializer() };
  const declared: string[] = [];
  describeSerializer(serializer, {
    describe: (title, body) => [declared.push(title), body()],
    it: (name) => declared.push(name),
  });
  const rules = serializerRules(serializer);
  expect(rules.length).toBeGreaterThan(30);
  expect(declared).toEqual(expect.arrayContaining(rules.map(({ name }) => name)));
  expect(declared[0]).toBe('json keeps the contract of a serializer');
  expect(declared).toHaveLength(1 + new Set(rules.map(({ group }) => group)).size + rules.length);
});

test('a runner without globals that is not handed over is an error that says what to do', () => {
  const globals = globalThis as { describe?: unknown };
  const describe = globals.describe;
  delete globals.describe;
  try {
    expect(() => describeCache(options)).toThrow('describeCache(options, { describe, it })');
  } finally {
    globals.describe = describe;
  }
});

test('rules that do not apply are left out, and capabilities bring theirs in', () => {
  const names = (capabilities: object) => conformanceRules({ ...options, capabilities }).map(({ group }) => group);
  expect(names({})).not.toContain('batches');
  expect(names({ batch: true })).toContain('batches');
});

test('the suite runs under node:test too', () => {
  const file = fileURLToPath(new URL('./programs/under-node-test.ts', import.meta.url));
  const loader = new URL('../../../tools/typescript.mjs', import.meta.url).href;
  const { NODE_OPTIONS: _, NODE_TEST_CONTEXT: __, ...env } = process.env;
  const { stdout, status } = spawnSync(
    process.execPath,
    ['--import', loader, '--conditions=@cache/source', '--test-reporter=tap', file],
    { encoding: 'utf8', env },
  );
  expect(stdout).toContain('ok 1 - a map of references keeps the contract of a cache');
  expect(stdout).toMatch(/# pass [1-9]\d\n# fail 0\n/);
  expect(status).toBe(0);
});
