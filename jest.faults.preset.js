import preset from './jest.preset.js';

/** The tests in `test-faults/`: they start servers of their own, one file at a time, and freeze, kill and cut them off. */
export default {
  ...preset,
  testMatch: ['<rootDir>/test-faults/**/*.test.ts'],
  // What hangs is found by a limit of its own; this one is for what no limit was thought of, on a machine that is busy.
  testTimeout: 180_000,
  maxWorkers: 1,
  reporters: preset.reporters.map((reporter) =>
    reporter === 'default' ? reporter : [reporter, { task: 'test:faults' }],
  ),
};
