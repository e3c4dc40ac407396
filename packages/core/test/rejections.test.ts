import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';

function run(...args: string[]) {
  const loader = new URL('../../../tools/typescript.mjs', import.meta.url).href;
  const file = fileURLToPath(new URL('./programs/rejections-that-nobody-awaits.ts', import.meta.url));
  return spawnSync(
    process.execPath,
    ['--import', loader, '--conditions=@cache/source', '--unhandled-rejections=strict', file, ...args],
    { encoding: 'utf8' },
  );
}

test('neither a hook that rejects nor work that fails after its deadline is an unhandled rejection', () => {
  const { stdout, status } = run();
  expect(stdout).toContain('nothing escaped');
  expect(status).toBe(0);
});

test('the test above can fail: a rejection that nobody handles ends the process', () => {
  const { stdout, status } = run('control');
  expect(stdout).not.toContain('nothing escaped');
  expect(status).not.toBe(0);
});
