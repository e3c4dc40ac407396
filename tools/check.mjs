import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packAll } from './pack.mjs';
import { bin, root, run } from './run.mjs';

/**
 * Everything that can be said about the workspace without a server, one line each, and the whole output of what fails:
 * `node tools/check.mjs`, or some of it by name: `node tools/check.mjs lint knip`.
 */
const tarballs = mkdtempSync(join(tmpdir(), 'cache-tarballs-'));
let packed;
const eachTarball = (check) => {
  packed ??= packAll(tarballs);
  return [...packed.values()].map(check).join('\n');
};

const checks = {
  lint: () => run(bin('biome'), ['check', '--error-on-warnings']),
  typecheck: () => run(bin('turbo'), ['run', 'typecheck', '--continue=always']),
  build: () => run(bin('turbo'), ['run', 'build', '--filter=./packages/*', '--continue=always']),
  imports: () => run('node', ['tools/import-rule-test.mjs']),
  hosts: () => refuseHosts(),
  links: () => run('node', ['tools/links.mjs']),
  scenarios: () => run('node', ['tools/scenarios.mjs']),
  'doc-examples': () => run('node', ['tools/doc-examples.mjs']),
  sherif: () => run(bin('sherif'), []),
  knip: () => run(bin('knip'), ['--no-config-hints']),
  coverage: () => run('node', ['tools/coverage.mjs']),
  publint: () => eachTarball((tarball) => run(bin('publint'), ['run', tarball, '--strict'])),
  // attw judges what resolves to types; a file of SQL is for psql and readFile.
  attw: () => eachTarball((tarball) => run(bin('attw'), [tarball, '--exclude-entrypoints', './migration.sql'])),
  consumer: () => run('node', ['tools/consumer.mjs']),
  release: () => run('node', ['tools/release-test.mjs']),
};

/** The registry is the machine's own business: neither the lockfile nor any other file names one. */
function refuseHosts() {
  const files = run('git', ['ls-files', '-z'])
    .split('\0')
    .filter((file) => file !== '' && existsSync(join(root, file)));
  const naming = files.filter((file) =>
    /https?:\/\/[^\s/]*(registry|npmjs)/i.test(readFileSync(join(root, file), 'utf8')),
  );
  if (naming.length > 0) throw new Error(`A registry's host is named in ${naming.join(', ')}.`);
}

/** What works on the builds; without them, their own words would only repeat the build's. */
const needsBuild = new Set(['publint', 'attw', 'consumer', 'release']);

const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !(name in checks));
if (unknown.length > 0)
  throw new Error(`No such check: ${unknown.join(', ')}. There are ${Object.keys(checks).join(', ')}.`);

let hasBuild = true;
const totals = { passed: 0, failed: 0, skipped: 0 };
for (const [name, check] of Object.entries(checks)) {
  if (asked.length > 0 && !asked.includes(name)) continue;
  const startedAt = performance.now();
  const seconds = () => `${((performance.now() - startedAt) / 1000).toFixed(1)} s`;
  try {
    if (!hasBuild && needsBuild.has(name)) throw new Error('It needs the build, which failed.');
    check();
    totals.passed += 1;
    console.log(`✓ ${name} (${seconds()})`);
  } catch (error) {
    totals.failed += 1;
    if (name === 'build') hasBuild = false;
    console.log(`✗ ${name} (${seconds()})\n${error.message}\n`);
  }
}
rmSync(tarballs, { recursive: true, force: true });
mkdirSync(join(root, '.test-report'), { recursive: true });
writeFileSync(join(root, '.test-report', 'check.json'), `${JSON.stringify(totals)}\n`);
console.log(`\nChecks: ${totals.passed} passed, ${totals.failed} failed`);
process.exit(totals.failed > 0 ? 1 : 0);
