// Every suite runs as real ES modules, as Node runs the sources: `npm run jest -- PATH` passes the flag that this needs.
// A file's suffix says what it needs: `.test.ts` needs nothing, so only those are found here.
/** @type {import('jest').Config} */
export default {
  testEnvironment: 'node',
  // Jest would leave one core to whoever watches.
  maxWorkers: '100%',
  // A worker that had DuckDB and LMDB open takes longer than the default half second to end; one with open handles never ends.
  workerGracefulExitTimeout: 20_000,
  roots: ['apps', 'libs', 'tools', 'examples'].map((folder) => `<rootDir>/${folder}`),
  testMatch: ['**/*.test.ts'],
  testPathIgnorePatterns: ['/node_modules/', '/dist/', '\\.(integration|fault)\\.test\\.ts$'],
  modulePathIgnorePatterns: ['/dist/', '/bench-results/', '/\\.cache/', '/\\.tidemark/', '/\\.servers/'],
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '\\.ts$': [
      '@swc/jest',
      {
        sourceMaps: 'inline',
        jsc: {
          target: 'esnext',
          parser: { syntax: 'typescript' },
          transform: { verbatimModuleSyntax: true },
          experimental: { keepImportAttributes: true },
        },
      },
    ],
  },
}
