import assert from 'node:assert/strict';
import { rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bin, root, run } from './run.mjs';
import { copyWorkspace } from './workspace-copy.mjs';
import { publishedPackages, workspacePackages } from './workspace-packages.mjs';

/**
 * Releases on a copy: a minor on one package bumps that package alone, a patch on core bumps core alone, and
 * `pnpm -r publish --dry-run` packs every published package and no other.
 */
const copy = copyWorkspace('release');
try {
  makeRepository();
  const names = publishedPackages().map(({ manifest }) => manifest.name);
  for (const name of names.filter((each) => each !== '@cache/core')) {
    assert.deepEqual(bumpedBy(name, 'minor'), [name], `A minor on ${name} must bump nothing else.`);
    console.log(`a minor on ${name} bumps ${name} alone`);
  }
  assert.deepEqual(bumpedBy('@cache/core', 'patch'), ['@cache/core'], 'A patch on core must bump nothing else.');
  console.log('a patch on @cache/core bumps @cache/core alone');
  publishDry(names);
} finally {
  rmSync(copy, { recursive: true, force: true });
}

/** The copy becomes a repository of its own, with this workspace's installed dependencies. */
function makeRepository() {
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
  git('init', '--quiet', '--initial-branch=main');
  commitAll();
}

function git(...args) {
  const identity = [
    '-c',
    'user.name=Release test',
    '-c',
    'user.email=release@example.invalid',
    '-c',
    'commit.gpgsign=false',
  ];
  return run('git', [...identity, ...args], { cwd: copy });
}

function commitAll() {
  git('add', '--all');
  git('commit', '--quiet', '--no-verify', '--message', 'A copy');
}

function versions() {
  return new Map(workspacePackages(copy).map(({ manifest }) => [manifest.name, manifest.version]));
}

/** The packages whose version changes when a change of this kind in one package is released. */
function bumpedBy(name, kind) {
  const before = versions();
  for (const { path } of pendingChangesets()) rmSync(path);
  writeFileSync(join(copy, '.changeset', 'one-change.md'), `---\n'${name}': ${kind}\n---\n\nA change.\n`);
  commitAll();
  run(bin('changeset'), ['version'], { cwd: copy });
  const bumped = [...versions()].filter(([each, version]) => before.get(each) !== version).map(([each]) => each);
  git('reset', '--quiet', '--hard', 'HEAD');
  return bumped;
}

function pendingChangesets() {
  const names = git('ls-files', '.changeset').split('\n');
  return names
    .filter((name) => name.endsWith('.md') && !name.endsWith('README.md'))
    .map((name) => ({ path: join(copy, name) }));
}

/** In the real workspace, where the builds are; a dry run writes nothing. */
function publishDry(names) {
  run(bin('turbo'), ['run', 'build', '--filter=./packages/*']);
  const output = run('pnpm', ['-r', 'publish', '--dry-run', '--no-git-checks']);
  const announced = [...output.matchAll(/(@cache\/[\w-]+)@\d/g)].map(([, name]) => name);
  assert.deepEqual(
    [...new Set(announced)].sort(),
    [...names].sort(),
    'A release publishes every public package and no other.',
  );
  const warnings = output.split('\n').filter((line) => /WARN|ERR/i.test(line) && !line.includes('(dry run)'));
  assert.deepEqual(warnings, [], 'A dry run of publishing is clean.');
  console.log(`publishing would publish ${names.join(', ')}`);
}
