import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { redisUrl } from '@cache/test-servers';
import { afterAll, describe, expect, test } from '@jest/globals';

const root = fileURLToPath(new URL('../../../', import.meta.url));
/** Within this package, so that the examples find what it depends on. */
const folder = mkdtempSync(fileURLToPath(new URL('../.pages-', import.meta.url)));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const PAGES = [
  'docs/getting-started.md',
  'docs/hooks.md',
  'docs/key-transformers.md',
  'docs/observability.md',
  'packages/prometheus/README.md',
  'packages/statsd/README.md',
  'packages/opentelemetry/README.md',
];

function examplesOf(page: string): string[] {
  return [...readFileSync(join(root, page), 'utf8').matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code = '']) =>
    code.replaceAll('redis://localhost:6379', redisUrl()),
  );
}

/** Runs an example as its reader would, with the packages of this workspace. */
function run(name: string, code: string) {
  const file = join(folder, `${name.replaceAll('/', '-')}.ts`);
  writeFileSync(file, code);
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const loader = join(root, 'tools', 'typescript.mjs');
  return spawnSync(process.execPath, ['--import', loader, '--conditions=@cache/source', file], {
    encoding: 'utf8',
    env,
  });
}

describe.each(PAGES)('the examples of %s', (page) => {
  const examples = examplesOf(page).map((code, index) => [index + 1, code] as const);

  test('are there', () => {
    expect(examples.length).toBeGreaterThan(0);
  });

  test.each(examples)('run: number %i', (number, code) => {
    const { status, stderr } = run(`${page}-${number}`, code);
    expect({ status, stderr }).toEqual({ status: 0, stderr: expect.any(String) });
  });
});

test('an example that is wrong would be found', () => {
  expect(run('wrong', "import { nothing } from '@cache/core';\nconsole.log(nothing);").status).not.toBe(0);
});
