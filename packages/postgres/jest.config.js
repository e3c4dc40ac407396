import preset from '../../jest.preset.js';

export default {
  ...preset,
  // Much of it waits for servers and processes, and it is among the longest: every core takes a part.
  maxWorkers: '100%',
  testTimeout: 120_000,
  globalSetup: '@cache/test-servers/postgres-setup',
  globalTeardown: '@cache/test-servers/global-teardown',
};
