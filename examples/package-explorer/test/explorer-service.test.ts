import { join } from 'node:path';
import { type Asynchronous, toAsync } from '@cache/core';
import { InMemoryCache } from '@cache/memory';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { ExplorerService } from '../src/explorer-service.ts';
import { PackageCatalogue } from '../src/package-catalogue.ts';
import { PackageTree } from './package-tree.ts';

let tree: PackageTree;
let folder: string;
let catalogue: PackageCatalogue;
let cache: Asynchronous<InMemoryCache>;
let service: ExplorerService;

beforeEach(() => {
  tree = new PackageTree();
  folder = tree.install({ name: 'left', version: '1.0.0', manifest: { license: 'MIT' } });
  tree.install({ name: 'right', version: '1.0.0', manifest: { license: 'ISC' } });
  catalogue = new PackageCatalogue([tree.root]);
  cache = toAsync(new InMemoryCache({ maxSize: 100 }));
  service = new ExplorerService(catalogue, cache);
});

afterEach(async () => {
  tree.remove();
  await cache.close();
});

test('the second answer is the first, from the cache, without a walk', async () => {
  const first = await service.describe('left');
  expect(first).toMatchObject({ origin: 'load', value: { name: 'left', fileCount: 1 } });
  expect(await service.describe('left')).toEqual({ value: first?.value, origin: 'cache' });
  expect(catalogue.walks).toBe(1);
});

test('what changes on disk is seen once it is forgotten, in the inventory too', async () => {
  await service.describe('left');
  await service.inventory();
  tree.write(join(folder, 'more.js'), 'more');
  expect((await service.describe('left'))?.value.fileCount).toBe(1);
  expect(await service.forget('left')).toBe(true);
  expect((await service.describe('left'))?.value.fileCount).toBe(2);
  const inventory = await service.inventory();
  expect(inventory.value.find(({ name }) => name === 'left')?.fileCount).toBe(2);
});

test('forgetting what was never asked for says so', async () => {
  expect(await service.forget('left')).toBe(false);
});

test('a fresh answer neither comes from the cache nor goes into it', async () => {
  await service.describe('left');
  tree.write(join(folder, 'more.js'), 'more');
  expect(await service.describe('left', 'fresh')).toMatchObject({ origin: 'bypass', value: { fileCount: 2 } });
  expect(await service.describe('left')).toMatchObject({ origin: 'cache', value: { fileCount: 1 } });
});

test('a package that is not there is not cached as missing: it is found as soon as it is installed', async () => {
  expect(await service.describe('late')).toBeUndefined();
  tree.install({ name: 'late', version: '1.0.0' });
  expect(await service.describe('late')).toMatchObject({ origin: 'load' });
});

test('licences are counted over the cached inventory', async () => {
  tree.install({ name: 'third', version: '1.0.0', manifest: { license: 'MIT' } });
  tree.install({ name: 'third', version: '2.0.0', manifest: { license: 'ISC' } });
  expect((await service.licences()).value).toEqual([
    { licence: 'ISC', packageCount: 2 },
    { licence: 'MIT', packageCount: 2 },
  ]);
  expect(await service.inventory()).toMatchObject({ origin: 'cache' });
});

test('a cache that is out of service costs no answer, and forgetting is refused', async () => {
  await cache.close();
  expect(await service.describe('left')).toMatchObject({ origin: 'outage', value: { fileCount: 1 } });
  await expect(service.forget('left')).rejects.toMatchObject({ code: 'ERR_CACHE_CLOSED' });
});
