import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from '@jest/globals';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'pages-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const PAGES = [
  'packages/core/README.md',
  'packages/conformance/README.md',
  'docs/core.md',
  'docs/write-a-serializer.md',
];

function examplesOf(page: string): string[] {
  const text = readFileSync(join(root, page), 'utf8');
  return [...text.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code = '']) => code);
}

/** Runs an example as its reader would, with the packages of this workspace. */
function run(name: string, code: string) {
  const file = join(folder, `${name.replaceAll('/', '-')}.ts`);
  writeFileSync(
    file,
    code.replaceAll(/'@cache\/(\w+)'/g, (_, name) => `'${join(root, 'packages', name, 'src/index.ts')}'`),
  );
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const loader = join(root, 'tools', 'typescript.mjs');
  return spawnSync(process.execPath, ['--import', loader, '--conditions=@cache/source', file], {
    encoding: 'utf8',
    env,
  });
}

describe.each(PAGES)('the examples of %s', (page) => {
  test.each(examplesOf(page).map((code, index) => [index + 1, code] as const))('run: number %i', (number, code) => {
    const { status, stderr } = run(`${page}-${number}`, code);
    expect({ status, stderr }).toEqual({ status: 0, stderr: expect.any(String) });
  });
});

test('an example that is wrong would be found', () => {
  expect(run('wrong', "import { nothing } from '@cache/core';\nconsole.log(nothing);").status).not.toBe(0);
});
