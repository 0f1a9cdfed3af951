// What may import what, and the few rules that types and tests do not already hold.
// The layers are the `layer:` tags of each package.json; tools/tidy has the test that forbidden imports fail.
import { builtinModules } from 'node:module'
import nxPlugin from '@nx/eslint-plugin'
import { createProjectGraphAsync } from '@nx/devkit'
import tseslint from 'typescript-eslint'

// The boundary rule skips itself, with no more than a warning, where no project graph has been computed.
process.env.NX_DAEMON ??= 'false'
await createProjectGraphAsync({ exitOnError: true })

const testLibraries = ['@jest/globals', 'fast-check']

/** Which layers each layer sees, and which vendors: a layer without `vendors` may import any that its package.json names. */
const layers = {
  contract: { sees: [], vendors: ['jsep', 'zod'] },
  core: { sees: ['contract'], vendors: [] },
  ports: { sees: ['contract'], vendors: [] },
  pipelines: { sees: ['ports', 'core', 'contract'], vendors: ['zod', 'lru-cache'] },
  // What is read from files of one's own beside the system's data.
  files: { sees: ['contract'] },
  // What a process has of its machine, whatever it runs.
  machine: { sees: ['ports', 'contract'] },
  // What adapters share, those of one vendor or all.
  client: { sees: ['contract'] },
  adapter: { sees: ['ports', 'client', 'machine', 'contract'] },
  face: { sees: ['pipelines', 'machine', 'ports', 'core', 'contract'], vendors: ['ajv', 'ajv/dist/2020.js', 'express'] },
  composition: { sees: ['files', 'pipelines', 'ports', 'machine', 'adapter', 'core', 'contract'] },
  app: { sees: ['composition', 'files', 'face', 'pipelines', 'ports', 'machine', 'adapter', 'core', 'contract'] },
  // Starts real servers for people and suites; knows none of the system that runs on them.
  servers: { sees: [] },
  tool: { sees: ['tool', 'servers', 'composition', 'files', 'face', 'example', 'pipelines', 'ports', 'machine', 'adapter', 'core', 'contract'] },
  example: { sees: ['tool', 'servers', 'composition', 'files', 'face', 'example', 'pipelines', 'ports', 'machine', 'adapter', 'core', 'contract'] },
}

const constraintsOf = (layersOfFile) => Object.entries(layersOfFile).map(([layer, { sees, vendors }]) => ({
  sourceTag: `layer:${layer}`,
  // A tag that nothing carries says "nothing" more surely than an empty list.
  onlyDependOnLibsWithTags: sees.length > 0 ? sees.map((seen) => `layer:${seen}`) : ['layer:none'],
  ...(vendors && { allowedExternalImports: [...vendors, ...testLibraries] }),
}))
const depConstraints = constraintsOf(layers)
/** Suites of adapters that need real servers start them, or hurt them, through what `npm run servers` uses too. */
const adapterSuites = ['libs/adapters/**/*.integration.test.ts', 'libs/adapters/**/*.fault.test.ts']
const suiteConstraints = constraintsOf({ ...layers, client: { sees: [...layers.client.sees, 'servers'] }, adapter: { sees: [...layers.adapter.sees, 'servers'] } })

const withoutIo = ['libs/feature-schema', 'libs/aggregation', 'libs/ports', 'libs/observability', 'libs/pipelines']
const suites = ['**/*.test.ts', '**/*.contract.ts', '**/testing/**']
/** Built-in modules that only compute. */
const pureBuiltins = ['assert', 'assert/strict', 'buffer', 'crypto', 'util', 'zlib']
const bareBuiltins = builtinModules.filter((name) => !name.startsWith('_') && !name.startsWith('node:'))

export default tseslint.config(
  { ignores: ['**/node_modules/', '**/dist/', '**/.nx/', '**/.cache/', '**/.tidemark/', '**/.servers/', '**/bench-results/'] },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  ...tseslint.configs.strict,
  {
    files: ['**/*.ts', '**/*.js'],
    plugins: { '@nx': nxPlugin },
    rules: {
      '@nx/enforce-module-boundaries': ['error', { depConstraints, banTransitiveDependencies: true }],
      'eqeqeq': 'error',
      'object-shorthand': 'error',
      'prefer-const': 'error',
      // Node and swc keep an import whose every name is a type: it would run the file for nothing.
      '@typescript-eslint/no-import-type-side-effects': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      // Numbers that an index signature or a check two lines above guarantees are asserted with `!`.
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_', ignoreRestSiblings: true }],
    },
  },
  {
    files: ['**/*.ts'],
    // One program of all packages: one for each of them, as a project service has, fills the memory.
    languageOptions: { parserOptions: { project: './tsconfig.json', tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/await-thenable': 'error',
      // What `using` or `finally` takes away must not be gone before the promise that is returned has been waited for.
      '@typescript-eslint/return-await': ['error', 'error-handling-correctness-only'],
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      'no-restricted-syntax': ['error', { selector: 'ExportDefaultDeclaration', message: 'Export it by name.' }],
    },
  },
  { files: ['libs/**/*.ts'], rules: { 'no-console': 'error' } },
  {
    files: adapterSuites,
    rules: { '@nx/enforce-module-boundaries': ['error', { depConstraints: suiteConstraints, banTransitiveDependencies: true }] },
  },
  {
    files: withoutIo.map((folder) => `${folder}/**/*.ts`),
    ignores: suites,
    rules: {
      'no-restricted-imports': [
        'error',
        {
          patterns: [
            { regex: `^node:(?!(${pureBuiltins.join('|')})$)`, message: 'This layer does no I/O: ask for it through a port.' },
            { regex: `^(${bareBuiltins.join('|')})$`, message: 'Built-in modules are imported with the prefix "node:".' },
            { regex: `^(${testLibraries.join('|')})$`, message: 'Only test files and contract suites import a test library.' },
          ],
        },
      ],
      // Law 12: time and randomness are injected.
      'no-restricted-properties': [
        'error',
        ...[
          ['Date', 'now'],
          ['performance', 'now'],
          ['Math', 'random'],
        ].map(([object, property]) => ({ object, property, message: 'Time and chance are injected.' })),
      ],
      'no-restricted-globals': [
        'error',
        ...['setTimeout', 'setInterval', 'fetch'].map((name) => ({ name, message: 'Time and I/O are injected.' })),
      ],
    },
  },
)
