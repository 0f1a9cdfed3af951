// Suites that hurt servers, each of which starts its own: `npm run test:faults -- PATH`. Two at a time, not more: a server that is starved is
// a fault that nobody asked for.
import base from './jest.integration.config.js'

/** @type {import('jest').Config} */
export default {
  ...base,
  testMatch: ['**/*.fault.test.ts'],
}
