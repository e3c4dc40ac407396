import preset from '../../jest.faults.preset.js';

/** The coherence checker's source, which nothing happens to, is a server beside those that are frozen and killed. */
export default {
  ...preset,
  globalSetup: '@cache/test-servers/global-setup',
  globalTeardown: '@cache/test-servers/global-teardown',
};
