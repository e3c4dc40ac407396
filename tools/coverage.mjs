import { spawnSync } from 'node:child_process';
import { bin } from './run.mjs';
import { workspacePackages } from './workspace-packages.mjs';

/** Line coverage of the packages that need no server, every source file counted: `node tools/coverage.mjs [package folder …]`. */
const LEAST_LINES_PERCENT = 95;
const asked = process.argv.length > 2 ? process.argv.slice(2) : ['core', 'memory'];

let failed = 0;
for (const name of asked) {
  const found = workspacePackages().find(({ path }) => path === `packages/${name}`);
  if (found === undefined) throw new Error(`There is no packages/${name}.`);
  const { status } = spawnSync(
    process.execPath,
    [
      '--experimental-vm-modules',
      '--disable-warning=ExperimentalWarning',
      bin('../jest/bin/jest.js'),
      '--coverage',
      '--coverageReporters=text',
      `--coverageThreshold={"global":{"lines":${LEAST_LINES_PERCENT}}}`,
    ],
    { cwd: found.folder, stdio: 'inherit', timeout: 600_000 },
  );
  if (status !== 0) failed += 1;
}
console.log(
  failed === 0
    ? `At least ${LEAST_LINES_PERCENT} % of the lines of ${asked.join(', ')} are covered.`
    : `${failed} packages fell short.`,
);
process.exit(failed);
