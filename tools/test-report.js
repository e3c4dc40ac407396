import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Leaves the counts of one package's run beside it, so that `tools/test.mjs` can add them up. */
export default class TestReport {
  onRunComplete(_contexts, results) {
    const folder = join(process.cwd(), '.test-report');
    mkdirSync(folder, { recursive: true });
    const counts = {
      passed: results.numPassedTests,
      failed: results.numFailedTests + results.numRuntimeErrorTestSuites,
      skipped: results.numPendingTests + results.numTodoTests,
    };
    writeFileSync(join(folder, 'counts.json'), `${JSON.stringify(counts)}\n`);
  }
}
