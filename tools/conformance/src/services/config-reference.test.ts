// What a service prints of its settings: every service, from the command line; and that docs/services.md lists nothing that none of them takes.
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from '@jest/globals'
import { LAYER_NAMES, mainOf, type LayerName } from '@tidemark/servers/service-process'

const TEST_MAX_MS = 120_000
const DOC = readFileSync(join(import.meta.dirname, '../../../../docs/services.md'), 'utf8')
// What npm and other suites set is of no concern here.
const ENVIRONMENT = { PATH: process.env['PATH'] }

interface Ended {
  readonly code: number | string | null | undefined
  readonly stdout: string
}

function run(service: LayerName, args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ended> {
  return new Promise((resolve) => execFile(process.execPath, [mainOf(service), ...args], { env: { ...ENVIRONMENT, ...env } }, (error, stdout) => resolve({ code: error === null ? 0 : error.code, stdout })))
}

describe('--print-config-reference', () => {
  it('is known to every service, needs no settings, and names what the documentation does', async () => {
    const named = new Set<string>()
    for (const service of LAYER_NAMES) {
      const { code, stdout } = await run(service, ['--print-config-reference', '--json'])
      expect(code).toBe(0)
      const { settings } = JSON.parse(stdout) as { readonly settings: readonly { readonly variable: string; readonly isSecret: boolean }[] }
      for (const { variable } of settings) named.add(variable)
      // A secret that is not known for one would be quoted.
      expect(settings.filter(({ variable, isSecret }) => /PASSWORD|SECRET|TOKEN/.test(variable) && !isSecret)).toEqual([])
    }
    const documented = [...DOC.matchAll(/^\| `(TIDEMARK_[A-Z0-9_]+)`/gm)].map(([, variable]) => variable!)
    expect(documented.filter((variable) => !named.has(variable))).toEqual([])
    expect(new Set(documented).size).toBe(documented.length)
  }, TEST_MAX_MS)

  it('and no other argument: it is told, and ends the service with 2', async () => {
    const { code, stdout } = await run('archiver', ['--print-config'])
    expect(code).toBe(2)
    expect(stdout.trim().split('\n').map((line) => JSON.parse(line) as object)).toEqual([expect.objectContaining({ level: 'fatal', code: 'USAGE', where: 'command line' })])
  }, TEST_MAX_MS)
})

it('a service tells five mistakes at once, and where each came from', async () => {
  const { code, stdout } = await run('archiver', [], {
    TIDEMARK_LOG_LEVEL: 'loud', TIDEMARK_KAFKA_BROKERS: 'http://nowhere', TIDEMARK_KAFKA_SASL_MECHANISM: 'PLAIN', TIDEMARK_KAFKA_SASL_USERNAME: 'u', TIDEMARK_KAFKA_SASL_PASSWORD_FILE: '/dev/null',
    TIDEMARK_S3_REGION: 'us-east-1', TIDEMARK_S3_BUCKET: 'bucket', TIDEMARK_CASSANDRA_CONTACT_POINTS: 'c', TIDEMARK_CASSANDRA_DATA_CENTER: 'dc',
    TIDEMARK_CASSANDRA_USERNAME: 'u', TIDEMARK_CASSANDRA_PASSWORD_FILE: '/nowhere/password', TIDEMARK_ENGINE_THREADS: '0',
  })
  expect(code).toBe(78)
  const told = stdout.trim().split('\n').map((line) => JSON.parse(line) as { readonly where: string; readonly msg: string }).map(({ where, msg }) => `${where}: ${msg}`)
  expect(told.sort()).toEqual([
    'TIDEMARK_CASSANDRA_PASSWORD_FILE: "/nowhere/password" cannot be read: ENOENT (from the environment variable TIDEMARK_CASSANDRA_PASSWORD_FILE).',
    'TIDEMARK_ENGINE_THREADS: It is "0" (from the environment variable TIDEMARK_ENGINE_THREADS).',
    'TIDEMARK_KAFKA_BROKERS: It is "http://nowhere" (from the environment variable TIDEMARK_KAFKA_BROKERS).',
    'TIDEMARK_KAFKA_SASL_PASSWORD_FILE: "/dev/null" is empty (from the environment variable TIDEMARK_KAFKA_SASL_PASSWORD_FILE).',
    'TIDEMARK_LOG_LEVEL: It is "loud" (from the environment variable TIDEMARK_LOG_LEVEL).',
  ])
}, TEST_MAX_MS)
