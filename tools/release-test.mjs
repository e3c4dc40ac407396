import assert from 'node:assert/strict';
import { readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bin, root, run } from './run.mjs';
import { copyWorkspace } from './workspace-copy.mjs';
import { publishedPackages, workspacePackages } from './workspace-packages.mjs';

/**
 * Releases on a copy: what is pending becomes 0.1.0 where nothing was released yet; after it a minor on one package bumps
 * that package alone, a patch on core bumps core alone, and a minor on core is a patch of its dependents;
 * `pnpm -r publish --dry-run` packs every published package and no other.
 */
const copy = copyWorkspace('release');
try {
  makeRepository();
  const names = publishedPackages().map(({ manifest }) => manifest.name);
  releasePending();
  for (const name of names.filter((each) => each !== '@cache/core')) {
    assert.deepEqual(bumpedBy(name, 'minor'), [name], `A minor on ${name} must bump nothing else.`);
    console.log(`a minor on ${name} bumps ${name} alone`);
  }
  assert.deepEqual(bumpedBy('@cache/core', 'patch'), ['@cache/core'], 'A patch on core must bump nothing else.');
  console.log('a patch on @cache/core bumps @cache/core alone');
  expectPatches(names);
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

/** What is pending is released, so that what is asked afterwards is asked of ranges as they will be: ^0.0.0 is 0.0.0 alone. */
function releasePending() {
  const unreleased = publishedPackages(copy).filter(({ manifest }) => manifest.version === '0.0.0');
  if (pendingChangesets().length > 0) run(bin('changeset'), ['version'], { cwd: copy });
  for (const { manifest } of unreleased) {
    const { folder, manifest: released } = publishedPackages(copy).find((each) => each.manifest.name === manifest.name);
    assert.equal(released.version, '0.1.0', `The first release of ${manifest.name} must be 0.1.0.`);
    assert.deepEqual(released.dependencies, manifest.dependencies, `What ${manifest.name} depends on must stay.`);
    assert.deepEqual(released.peerDependencies, manifest.peerDependencies, `Peers of ${manifest.name} must stay.`);
    const changes = readFileSync(join(folder, 'CHANGELOG.md'), 'utf8');
    assert.match(changes, /^## 0\.1\.0\n\n### Minor Changes$/m, `${manifest.name} must say what it brings.`);
    assert.doesNotMatch(changes, /Major Changes/);
    console.log(`the first release of ${manifest.name} is 0.1.0`);
  }
  commitAll();
}

function versions() {
  return new Map(workspacePackages(copy).map(({ manifest }) => [manifest.name, manifest.version]));
}

/** While core is at 0.x its minor is out of their ranges, and must not be taken for a major by its dependents. */
function expectPatches(names) {
  const before = versions();
  const core = before.get('@cache/core');
  if (!core.startsWith('0.')) return;
  const after = versionsAfter('@cache/core', 'minor');
  assert.equal(after.get('@cache/core'), bump(core, 1));
  for (const name of names.filter((each) => each !== '@cache/core')) {
    assert.equal(after.get(name), bump(before.get(name), 2), `A minor on core must be a patch of ${name}.`);
  }
  console.log('a minor on @cache/core is a patch of all that depend on it');
}

/** The next version, of which a part counts one more and those behind it are 0: 1 is the minor, 2 the patch. */
function bump(version, part) {
  return version
    .split('.')
    .map((digits, index) => (index === part ? Number(digits) + 1 : index > part ? 0 : digits))
    .join('.');
}

/** The packages whose version changes when a change of this kind in one package is released. */
function bumpedBy(name, kind) {
  const before = versions();
  return [...versionsAfter(name, kind)].filter(([each, version]) => before.get(each) !== version).map(([each]) => each);
}

/** Every package's version once a change of this kind in one package is released. */
function versionsAfter(name, kind) {
  for (const { path } of pendingChangesets()) rmSync(path);
  writeFileSync(join(copy, '.changeset', 'one-change.md'), `---\n'${name}': ${kind}\n---\n\nA change.\n`);
  commitAll();
  run(bin('changeset'), ['version'], { cwd: copy });
  const released = versions();
  git('reset', '--quiet', '--hard', 'HEAD');
  return released;
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
