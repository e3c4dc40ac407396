import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import './typescript.mjs';
import { reportFile } from './test-report.js';
import { workspacePackages } from './workspace-packages.mjs';

/**
 * Runs turbo tasks over the workspace and ends in one line, `Tests: N passed, N failed, N skipped`, that adds up what each
 * package's jest left: `node tools/test.mjs typecheck test [--filter=@cache/memory]`. A failure, a skipped test, a package
 * whose tests left no report and a run without tests are failures. Redis and PostgreSQL are started once for all packages.
 */
const LIMIT_MS = 30 * 60_000;
const root = fileURLToPath(new URL('..', import.meta.url));
const options = process.argv.slice(2).filter((argument) => argument.startsWith('-'));
const tasks = process.argv.slice(2).filter((argument) => !argument.startsWith('-'));
const testTask = tasks.at(-1) ?? 'test';
const packages = workspacePackages();

for (const { folder } of packages) rmSync(join(folder, '.test-report', reportFile(testTask)), { force: true });
const totalFile = join(root, '.test-report', reportFile(testTask));
rmSync(totalFile, { force: true });

let servers;
let interrupted = false;
const totals = { passed: 0, failed: 0, skipped: 0 };
const nodes = new Set();
try {
  servers = await startSharedServers();
  const { exitCode, summary } = await runTurbo({ ...process.env, ...servers?.env });
  addUp(exitCode, summary);
} catch (error) {
  totals.failed += 1;
  console.error(`\n${error.message}${error.cause ? `\nCause: ${error.cause.message ?? error.cause}` : ''}`);
} finally {
  await servers?.close();
}
if (totals.passed + totals.failed === 0) {
  totals.failed = 1;
  console.error('\nNo test ran.');
}
if (totals.skipped > 0) console.error('\nA skipped test counts as a failure.');
if (nodes.size > 0) console.log(`\nThe tests ran on Node ${[...nodes].join(' and ')}.`);
mkdirSync(join(root, '.test-report'), { recursive: true });
writeFileSync(totalFile, `${JSON.stringify(totals)}\n`);
console.log(`Tests: ${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped`);
process.exit(totals.failed + totals.skipped > 0 || interrupted ? 1 : 0);

/** `npm test` shares one server of each kind between packages; fault tests start, freeze and kill their own. */
async function startSharedServers() {
  const dependsOnServers = ({ manifest }) =>
    '@cache/test-servers' in { ...manifest.dependencies, ...manifest.devDependencies };
  if (testTask !== 'test' || !packages.some(dependsOnServers)) return undefined;
  const { provideServers } = await import('../packages/test-servers/src/provide-servers.ts');
  const provided = await provideServers();
  for (const origin of provided.origins) console.log(`Using ${origin}`);
  return provided;
}

/** Resolves with turbo's exit code and its summary of what ran, which is a file of its own. */
async function runTurbo(env) {
  const runs = join(root, '.turbo', 'runs');
  const known = new Set(existsSync(runs) ? readdirSync(runs) : []);
  const turbo = join(root, 'node_modules', '.bin', 'turbo');
  const flags = ['--continue=always', '--summarize'];
  if (!options.some((option) => option.startsWith('--concurrency')))
    flags.push(`--concurrency=${Math.max(2, availableParallelism())}`);
  const child = spawn(turbo, ['run', ...tasks, ...flags, ...options], {
    cwd: root,
    env: { ...env, TURBO_TELEMETRY_DISABLED: '1' },
    stdio: 'inherit',
    shell: process.platform === 'win32',
  });
  const end = () => {
    interrupted = true;
    child.kill('SIGTERM');
  };
  process.on('SIGINT', end).on('SIGTERM', end);
  const limit = setTimeout(() => {
    console.error(`\nStopped: the run took longer than ${LIMIT_MS / 60_000} minutes.`);
    end();
  }, LIMIT_MS);
  const exitCode = await new Promise((resolve, reject) => child.once('error', reject).once('exit', resolve));
  clearTimeout(limit);
  const written = existsSync(runs) ? readdirSync(runs).filter((name) => !known.has(name)) : [];
  const summaries = written.map((name) => JSON.parse(readFileSync(join(runs, name), 'utf8')));
  for (const name of written) rmSync(join(runs, name));
  return {
    exitCode,
    summary: summaries.find(({ execution }) => tasks.every((task) => execution.command.includes(task))),
  };
}

/** Adds every package's report to the totals; what failed without a failed test in its report counts as one failure. */
function addUp(exitCode, summary) {
  const problems = [];
  for (const { taskId, task, command, directory, execution } of summary?.tasks ?? []) {
    if (command === '<NONEXISTENT>') continue;
    const report = join(root, directory, '.test-report', reportFile(testTask));
    const counts = task === testTask && existsSync(report) ? JSON.parse(readFileSync(report, 'utf8')) : undefined;
    for (const kind of Object.keys(totals)) totals[kind] += counts?.[kind] ?? 0;
    if (counts !== undefined) nodes.add(counts.node);
    if (task === testTask && counts === undefined) problems.push(`${taskId} left no report of its tests`);
    else if (execution?.exitCode !== 0 && !counts?.failed) problems.push(`${taskId} failed`);
  }
  if (exitCode !== 0 && totals.failed + problems.length === 0) problems.push(`turbo ended with ${exitCode}`);
  totals.failed += problems.length;
  if (problems.length > 0) console.error(`\n${problems.join('\n')}`);
}
