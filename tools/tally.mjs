import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './run.mjs';
import { reportFile } from './test-report.js';

/**
 * The last line of `.ci/run`: what the runs before it left, added up; each of the checks counts as one test. A run that left
 * nothing is a failure, and so is one that ended badly (`node tools/tally.mjs 1`) without a failure in its counts.
 */
const totals = { passed: 0, failed: 0, skipped: 0 };
for (const run of ['test', 'test:faults', 'check']) {
  const path = join(root, '.test-report', reportFile(run));
  const counts = existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : { failed: 1 };
  if (!existsSync(path)) console.error(`npm run ${run} left no counts.`);
  for (const kind of Object.keys(totals)) totals[kind] += counts[kind] ?? 0;
}
if (process.argv[2] !== '0' && totals.failed === 0) totals.failed = 1;
console.log(`Tests: ${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped`);
process.exit(totals.failed + totals.skipped > 0 ? 1 : 0);
