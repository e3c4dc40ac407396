import { fileURLToPath } from 'node:url';

/** ES modules through swc; neighbours are read as sources through the `@cache/source` condition, so no build comes first. */
export default {
  // A hang is found by its own limit; a busy machine is no failure.
  testTimeout: 60_000,
  testMatch: ['<rootDir>/test/**/*.test.ts'],
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '^.+\\.ts$': ['@swc/jest', { jsc: { target: 'es2022', parser: { syntax: 'typescript' } }, sourceMaps: 'inline' }],
  },
  testEnvironmentOptions: { customExportConditions: ['@cache/source', 'node', 'node-addons'] },
  reporters: ['default', fileURLToPath(new URL('tools/test-report.js', import.meta.url))],
  collectCoverageFrom: ['src/**/*.ts'],
  coverageProvider: 'babel',
};
