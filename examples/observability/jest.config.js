import preset from '../../jest.preset.js';

export default {
  ...preset,
  testTimeout: 120_000,
  globalSetup: '@cache/test-servers/global-setup',
  globalTeardown: '@cache/test-servers/global-teardown',
};
