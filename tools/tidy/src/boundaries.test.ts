// Dependencies point one way: apps → pipelines → aggregation → feature-schema, and pipelines → ports ← adapters. These are the
// imports that would turn one round, linted with the real configuration.
import { beforeAll, describe, expect, it } from '@jest/globals'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import type { Probe } from './lint-probe.ts'

const boundary = '@nx/enforce-module-boundaries'
const imported = (specifier: string): string => `import * as it from '${specifier}'\nexport const seen = it\n`

const forbidden: [folder: string, specifier: string, rule: string][] = [
  ['libs/aggregation', '@tidemark/adapter-duckdb/duckdb-session', boundary],
  ['libs/aggregation', '@tidemark/ports/clock', boundary],
  ['libs/aggregation', '@duckdb/node-api', boundary],
  ['libs/aggregation', 'node:fs', 'no-restricted-imports'],
  ['libs/aggregation', 'fast-check', 'no-restricted-imports'],
  ['libs/adapters/memory', '@tidemark/aggregation/window-tail', boundary],
  ['libs/adapters/memory', '@tidemark/pipelines/log/epoch', boundary],
  ['libs/adapters/memory', '@tidemark/adapter-duckdb/duckdb-session', boundary],
  ['libs/adapters/memory', '../../../aggregation/src/window-tail.ts', boundary],
  ['libs/adapters/memory', '@tidemark/servers/server-set', boundary],
  ['libs/feature-schema', '@tidemark/aggregation/window-tail', boundary],
  ['libs/feature-schema', 'commander', boundary],
  ['libs/feature-schema', 'node:child_process', 'no-restricted-imports'],
  ['libs/ports', '@tidemark/aggregation/window-tail', boundary],
  ['libs/ports', 'zod', boundary],
  ['libs/pipelines', '@tidemark/adapter-memory/memory-event-log', boundary],
  ['libs/pipelines', '@duckdb/node-api', boundary],
  ['libs/pipelines', '@tidemark/definition-files/load-definitions', boundary],
  ['libs/definition-files', '@tidemark/ports/clock', boundary],
  ['libs/machine', '@tidemark/adapter-embedded/embedded-environment', boundary],
  ['libs/pipelines', '@tidemark/machine/system-clock', boundary],
  ['libs/service-kit', '@tidemark/serving-http/serving-app', boundary],
  ['apps/archiver', '@tidemark/speed-layer/compose', boundary],
  ['tools/conformance', '@tidemark/archiver/compose', boundary],
  ['tools/bench', '@tidemark/cli/main', boundary],
  ['tools/servers', '@tidemark/ports/clock', boundary],
  ['examples/flights', '@tidemark/cli/main', boundary],
]

const allowed: [folder: string, specifier: string][] = [
  ['libs/feature-schema', 'zod'],
  ['libs/feature-schema', 'node:crypto'],
  ['libs/aggregation', '@tidemark/feature-schema/key-hash'],
  ['libs/ports', '@tidemark/feature-schema/key-hash'],
  ['libs/pipelines', '@tidemark/aggregation/window-tail'],
  ['libs/pipelines', '@tidemark/ports/clock'],
  ['libs/adapters/memory', '@tidemark/ports/clock'],
  ['libs/adapters/duckdb', '@duckdb/node-api'],
  ['libs/service-kit', '@tidemark/adapter-kafka/kafka-event-log'],
  ['apps/serving-layer', '@tidemark/service-kit/run-service'],
  ['apps/cli', '@tidemark/adapter-memory/memory-event-log'],
  ['tools/conformance', '@tidemark/aggregation/window-tail'],
]

const injected: [folder: string, text: string, rule: string][] = [
  ['libs/pipelines', 'export const now = Date.now()\n', 'no-restricted-properties'],
  ['libs/aggregation', 'export const chance = Math.random()\n', 'no-restricted-properties'],
  ['libs/ports', 'export default 1\n', 'no-restricted-syntax'],
  ['libs/ports', 'console.log(1)\n', 'no-console'],
  ['libs/ports', 'Promise.resolve(1)\n', '@typescript-eslint/no-floating-promises'],
  ['libs/ports', 'export const a = (b: any): unknown => b\n', '@typescript-eslint/no-explicit-any'],
]

const probes: Probe[] = [
  ...forbidden.map(([folder, specifier]) => ({ folder, text: imported(specifier) })),
  ...allowed.map(([folder, specifier]) => ({ folder, text: imported(specifier) })),
  ...injected.map(([folder, text]) => ({ folder, text })),
]

describe('the linter', () => {
  const brokenRules = new Map<string, string[]>()
  const keyOf = ({ folder, text }: Probe): string => `${folder}\n${text}`

  beforeAll(() => {
    const child = spawnSync(process.execPath, [join(import.meta.dirname, 'lint-probe.ts')], {
      input: JSON.stringify(probes),
      encoding: 'utf8',
    })
    if (child.status !== 0) throw new Error(`the lint probe failed:\n${child.stderr}`)
    const answers = JSON.parse(child.stdout) as string[][]
    probes.forEach((probe, index) => brokenRules.set(keyOf(probe), answers[index]!))
  }, 120_000)

  it.each(forbidden)('keeps %s from importing %s', (folder, specifier, rule) => {
    expect(brokenRules.get(keyOf({ folder, text: imported(specifier) }))).toContain(rule)
  })

  it.each(allowed)('lets %s import %s', (folder, specifier) => {
    expect(brokenRules.get(keyOf({ folder, text: imported(specifier) }))).toEqual([])
  })

  it.each(injected)('refuses in %s: %j', (folder, text, rule) => {
    expect(brokenRules.get(keyOf({ folder, text }))).toContain(rule)
  })
})
