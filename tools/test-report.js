import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Where the counts of a turbo task's tests lie, in the `.test-report` folder of each package. */
export function reportFile(task) {
  return `${task.replace(':', '-')}.json`;
}

/** A jest reporter that leaves the counts of one package's run beside it, so that `tools/test.mjs` can add them up. */
export default class TestReport {
  constructor(_globalConfig, options) {
    this.task = options.task ?? 'test';
  }

  onRunComplete(_contexts, results) {
    const folder = join(process.cwd(), '.test-report');
    mkdirSync(folder, { recursive: true });
    const counts = {
      passed: results.numPassedTests,
      failed: results.numFailedTests + results.numRuntimeErrorTestSuites,
      skipped: results.numPendingTests + results.numTodoTests,
      node: process.version,
    };
    writeFileSync(join(folder, reportFile(this.task)), `${JSON.stringify(counts)}\n`);
  }
}
