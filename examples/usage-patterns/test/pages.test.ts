import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { redisUrl, uniqueName } from '@cache/test-servers';
import { afterAll, expect, test } from '@jest/globals';

const root = fileURLToPath(new URL('../../../', import.meta.url));
/** Within this package, so that the example finds what it depends on. */
const folder = mkdtempSync(fileURLToPath(new URL('../.pages-', import.meta.url)));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('the example of @cache/coordination’s README runs', () => {
  const page = readFileSync(join(root, 'packages/coordination/README.md'), 'utf8');
  const [, code = ''] = /^```ts\n(.*?)^```$/ms.exec(page) ?? [];
  const here = code.replace('redis://localhost:6379', redisUrl()).replace("'locks:'", `'${uniqueName('readme')}:'`);
  expect(here).not.toBe(code);
  const file = join(folder, 'example.ts');
  writeFileSync(file, here);
  const loader = join(root, 'tools', 'typescript.mjs');
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['--import', loader, '--conditions=@cache/source', file],
    { encoding: 'utf8' },
  );
  expect({ status, stdout, stderr }).toEqual({
    status: 0,
    stdout: 'Write invoice 7, unless a number over 1 has written it.\n',
    stderr: '',
  });
});
