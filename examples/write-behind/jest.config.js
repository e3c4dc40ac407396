import preset from '../../jest.preset.js';

export default {
  ...preset,
  globalSetup: '@cache/test-servers/postgres-setup',
  globalTeardown: '@cache/test-servers/global-teardown',
};
