import { linkSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { PackageCatalogue } from '../src/package-catalogue.ts';
import { PackageTree } from './package-tree.ts';

let tree: PackageTree;
let catalogue: PackageCatalogue;

beforeEach(() => {
  tree = new PackageTree();
  catalogue = new PackageCatalogue([tree.root]);
});

afterEach(() => tree.remove());

describe('the size of a package', () => {
  test('is that of all its files, in folders too, and grows when a file is added', async () => {
    const folder = tree.install({
      name: 'left',
      version: '1.0.0',
      files: { 'a.js': '12345', 'lib/b/c.js': '1234567' },
    });
    const before = await catalogue.describe('left');
    expect(before).toMatchObject({ fileCount: 3 });
    tree.write(join(folder, 'lib', 'more.js'), 'x'.repeat(1_000));
    const after = await catalogue.describe('left');
    expect(after?.fileCount).toBe(4);
    expect((after?.sizeInBytes ?? 0) - (before?.sizeInBytes ?? 0)).toBe(1_000);
  });

  test('counts a file that copies share once, and neither what is linked nor the commands of dependencies', async () => {
    const first = tree.install({
      name: 'left',
      version: '1.0.0',
      peers: '_a@1.0.0',
      files: { 'big.js': 'x'.repeat(5_000) },
    });
    const second = tree.install({ name: 'left', version: '1.0.0', peers: '_a@2.0.0' });
    const before = await catalogue.describe('left');
    linkSync(join(first, 'big.js'), join(second, 'big.js'));
    symlinkSync(first, join(second, 'elsewhere'));
    tree.write(join(second, 'node_modules', '.bin', 'command'), '#!/bin/sh');
    expect(await catalogue.describe('left')).toEqual(before);
    expect(before).toMatchObject({ fileCount: 3, versions: [{ version: '1.0.0' }] });
  });
});

describe('the dependents of a package', () => {
  test('are those that link to it, and apart from them those that need it through others', async () => {
    tree.install({ name: 'bottom', version: '1.0.0' });
    tree.install({ name: '@scope/middle', version: '2.0.0', dependencies: ['bottom@1.0.0'] });
    tree.install({ name: 'top', version: '3.0.0', dependencies: ['@scope/middle@2.0.0'] });
    tree.addProject('.', 'the-workspace', ['top@3.0.0']);
    tree.addProject('packages/app', 'the-app', ['bottom@1.0.0']);
    expect(await catalogue.describe('bottom')).toMatchObject({
      directDependents: ['@scope/middle@2.0.0', 'the-app'],
      indirectDependents: ['the-workspace', 'top@3.0.0'],
    });
    expect(await catalogue.describe('top')).toMatchObject({
      directDependents: ['the-workspace'],
      indirectDependents: [],
    });
  });

  test('are those of every version that is installed', async () => {
    tree.install({ name: 'left', version: '1.0.0' });
    tree.install({ name: 'left', version: '2.0.0' });
    tree.install({ name: 'old', version: '1.0.0', dependencies: ['left@1.0.0'] });
    tree.install({ name: 'new', version: '1.0.0', dependencies: ['left@2.0.0'] });
    expect(await catalogue.describe('left')).toMatchObject({
      versions: [{ version: '1.0.0' }, { version: '2.0.0' }],
      directDependents: ['new@1.0.0', 'old@1.0.0'],
    });
  });

  test('are found where packages depend on each other in a circle', async () => {
    tree.install({ name: 'hen', version: '1.0.0', dependencies: ['egg@1.0.0'] });
    tree.install({ name: 'egg', version: '1.0.0', dependencies: ['hen@1.0.0'] });
    expect(await catalogue.describe('hen')).toMatchObject({ directDependents: ['egg@1.0.0'], indirectDependents: [] });
  });
});

test.each([
  [{ license: 'MIT' }, 'MIT'],
  [{ license: { type: 'ISC', url: 'https://example.org' } }, 'ISC'],
  [{ licenses: [{ type: 'MIT' }, { type: 'Apache-2.0' }] }, 'MIT OR Apache-2.0'],
  [{ license: '' }, 'undeclared'],
  [{ license: 7, licenses: [] }, 'undeclared'],
  [{}, 'undeclared'],
])('the licence that %j declares is %s', async (manifest, licence) => {
  tree.install({ name: 'left', version: '1.0.0', manifest });
  expect((await catalogue.describe('left'))?.versions).toEqual([{ version: '1.0.0', licence }]);
});

test.each(['{ "name": "le', 'null', '[]', ''])('a package.json that holds %j hides nothing else', async (text) => {
  const folder = tree.install({ name: 'left', version: '1.0.0', files: { 'a.js': '12345' } });
  tree.write(join(folder, 'package.json'), text);
  expect(await catalogue.describe('left')).toMatchObject({ fileCount: 2, versions: [{ licence: 'undeclared' }] });
});

test('the inventory has every package once, the largest first', async () => {
  tree.install({ name: 'small', version: '1.0.0', files: { 'a.js': 'x' } });
  tree.install({ name: 'large', version: '1.0.0', files: { 'a.js': 'x'.repeat(900) } });
  tree.install({ name: 'large', version: '2.0.0', files: { 'a.js': 'x'.repeat(900) } });
  expect((await catalogue.inventory()).map(({ name, fileCount }) => [name, fileCount])).toEqual([
    ['large', 4],
    ['small', 2],
  ]);
  expect(await catalogue.names()).toEqual(['large', 'small']);
});

test('several folders are one catalogue', async () => {
  const other = new PackageTree();
  try {
    tree.install({ name: 'here', version: '1.0.0' });
    other.install({ name: 'there', version: '1.0.0' });
    expect(await new PackageCatalogue([tree.root, other.root]).names()).toEqual(['here', 'there']);
  } finally {
    other.remove();
  }
});

test('a name that is not installed has no description, and a folder where nothing is installed has no packages', async () => {
  expect(await catalogue.describe('nobody')).toBeUndefined();
  expect(await catalogue.describe('../../etc')).toBeUndefined();
  expect(await catalogue.inventory()).toEqual([]);
});
