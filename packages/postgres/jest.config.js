import preset from '../../jest.preset.js';

export default {
  ...preset,
  testTimeout: 30_000,
  globalSetup: '@cache/test-servers/postgres-setup',
  globalTeardown: '@cache/test-servers/global-teardown',
};
