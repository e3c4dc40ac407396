import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeCache } from '@cache/conformance';
import { afterAll, expect, test } from '@jest/globals';
import { FileCache } from './file-cache.ts';

const folder = mkdtempSync(join(tmpdir(), 'file-cache-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describeCache({
  name: 'FileCache',
  create: ({ namespace }) => new FileCache(join(folder, encodeURIComponent(namespace).replaceAll('*', '%2A'))),
  capabilities: { shared: true },
  maxValueBytes: null,
});

test('a file that was damaged is a miss, and can be replaced', async () => {
  const cache = new FileCache(join(folder, 'damaged'));
  await cache.set('k', 'v');
  const [file = ''] = readdirSync(join(folder, 'damaged'));
  for (const content of ['', '{', '{"expiresAt":null}\n{"half']) {
    writeFileSync(join(folder, 'damaged', file), content);
    expect(await cache.get('k')).toBeUndefined();
  }
  await cache.set('k', 'again');
  expect(await cache.get('k')).toBe('again');
});

test('a folder that cannot be is an outage, not a miss', async () => {
  writeFileSync(join(folder, 'a file'), '');
  const cache = new FileCache(join(folder, 'a file', 'folder'));
  await expect(cache.set('k', 'v')).rejects.toMatchObject({
    code: 'ERR_CACHE_UNAVAILABLE',
    cause: { code: 'ENOTDIR' },
  });
});

test('the page on writing a backend shows this very cache', () => {
  const page = readFileSync(new URL('../../../docs/write-a-backend.md', import.meta.url), 'utf8');
  const source = readFileSync(new URL('./file-cache.ts', import.meta.url), 'utf8');
  expect(page).toContain(source);
});
