import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/**
 * npm is only the doorbell: this runs the pnpm that package.json pins, with nothing installed globally. It installs what is
 * missing, then does what it was asked; without arguments the installation is all.
 */
const root = new URL('..', import.meta.url);
const { packageManager } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'));

function pnpm(...args) {
  const { status } = spawnSync('npx', ['--yes', '--prefer-offline', packageManager, ...args], {
    cwd: root,
    stdio: 'inherit',
    shell: process.platform === 'win32',
  });
  if (status !== 0) process.exit(status ?? 1);
}

pnpm('install', '--frozen-lockfile', '--prefer-offline');
if (process.argv.length > 2) pnpm(...process.argv.slice(2));
