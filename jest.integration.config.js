// Suites that need real servers: `npm run test:integration -- PATH`. They share one set of servers, in which nothing runs until a suite asks
// for it; two at a time, because half of what they do is to wait.
import base from './jest.config.js'

/** @type {import('jest').Config} */
export default {
  ...base,
  testMatch: ['**/*.integration.test.ts'],
  testPathIgnorePatterns: ['/node_modules/', '/dist/'],
  globalSetup: '<rootDir>/tools/servers/src/integration-setup.ts',
  globalTeardown: '<rootDir>/tools/servers/src/integration-teardown.ts',
  maxWorkers: 2,
  testSequencer: '<rootDir>/jest.servers-sequencer.js',
  // A server that recovers on a busy machine, and one that is built first, within a hook.
  testTimeout: 120_000,
}
