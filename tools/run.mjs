import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** The top of the workspace. */
export const root = fileURLToPath(new URL('..', import.meta.url));

/** Runs a program to its end, ten minutes at most, and gives what it printed; throws with that if it fails. */
export function run(command, args, options = {}) {
  const { status, signal, stdout, stderr, error } = spawnSync(command, args, {
    cwd: root,
    encoding: 'utf8',
    timeout: 600_000,
    maxBuffer: 64 * 2 ** 20,
    shell: process.platform === 'win32',
    ...options,
    env: { ...cleanEnv(), TURBO_TELEMETRY_DISABLED: '1', ...options.env },
  });
  if (status === 0) return `${stdout}${stderr}`;
  throw new Error(
    `${command} ${args.join(' ')} ended with ${status ?? signal ?? error}\n${stdout ?? ''}${stderr ?? ''}`,
  );
}

/** A program of the workspace's own dependencies. */
export function bin(name) {
  return fileURLToPath(new URL(`../node_modules/.bin/${name}`, import.meta.url));
}

/** pnpm hands its settings to what it runs as variables that npm, and pnpm elsewhere, would take for theirs. */
function cleanEnv() {
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(npm_(config_|package_|lifecycle_)|pnpm_|INIT_CWD)/.test(name)),
  );
}
