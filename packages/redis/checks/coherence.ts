/**
 * `npm run check:coherence`: every order of the protocol's steps, and a minute of three processes in bursts.
 * `npm run check:coherence -- --seconds 5`: a sample of the orders, and bursts for so long.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { values } = parseArgs({ options: { seconds: { type: 'string' } }, strict: true });
if (values.seconds !== undefined && !(Number(values.seconds) > 0)) throw new Error('--seconds is a number over 0.');

const jest = fileURLToPath(new URL('../../../node_modules/jest/bin/jest.js', import.meta.url));
const flags = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning'];
const { status } = spawnSync(process.execPath, [...flags, jest, 'test/coherence'], {
  cwd: fileURLToPath(new URL('..', import.meta.url)),
  env: { ...process.env, CHECK_COHERENCE: values.seconds ?? 'all' },
  stdio: 'inherit',
});
process.exitCode = status ?? 1;
