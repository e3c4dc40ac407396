import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { redisUrl } from '@cache/test-servers';
import { afterAll, describe, expect, test } from '@jest/globals';

const root = fileURLToPath(new URL('../../../', import.meta.url));
/** Within this package, so that the examples find what it depends on. */
const folder = mkdtempSync(fileURLToPath(new URL('../.pages-', import.meta.url)));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What each example prints, in the order of the pages. */
const PAGES: Readonly<Record<string, readonly string[]>> = {
  'docs/serializers.md': ['Price { cents: 1250 }', "[ { by: 'another program' }, { by: 'this one' } ]"],
  'docs/compression.md': ["'the same'", '"short"'],
  'packages/compression/README.md': [''],
};

function examplesOf(page: string): string[] {
  return [...readFileSync(join(root, page), 'utf8').matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code = '']) =>
    code.replaceAll('redis://localhost:6379', redisUrl()),
  );
}

/** Runs an example as its reader would, with the packages of this workspace. */
async function run(name: string, code: string): Promise<{ status: number; output: string }> {
  const file = join(folder, `${name.replaceAll('/', '-')}.ts`);
  writeFileSync(file, code);
  const loader = join(root, 'tools', 'typescript.mjs');
  const child = spawn(process.execPath, ['--import', loader, '--conditions=@cache/source', file]);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk));
  const [status] = (await once(child, 'close')) as [number];
  return { status, output };
}

describe.each(Object.entries(PAGES))('the examples of %s', (page, printed) => {
  test('do what the page says', async () => {
    const examples = examplesOf(page);
    expect(examples).toHaveLength(printed.length);
    for (const [index, code] of examples.entries()) {
      const { status, output } = await run(`${page}-${index}`, code);
      expect({ status, output }).toEqual({ status: 0, output: expect.stringContaining(printed[index] ?? '') });
    }
  });
});

test('an example that is wrong would be found', async () => {
  expect((await run('wrong', "import { nothing } from '@cache/core';\nconsole.log(nothing);")).status).not.toBe(0);
});
