// What people do to a system of services with the `tidemark` command, each time a process that has the services' settings: apply definitions, see and move pointers, see dead
// letters and put them back, declare append times; and what it says of servers that it cannot use.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import type { Definitions, FeatureServiceDefinition } from '@tidemark/feature-schema/definition'
import { serializeDefinitions } from '@tidemark/feature-schema/definitions-json'
import type { Addresses } from '@tidemark/servers/addresses'
import type { ServiceProcess } from '@tidemark/servers/service-process'
import { sharedServers } from '@tidemark/servers/shared-servers'
import { seededChance } from '@tidemark/ports/testing/store-cases'
import { NEXT_PAYMENTS, PARTITION_COUNT, PAYMENTS, ServiceWorld, until } from './service-world.ts'

const TEST_MAX_MS = 300_000
const TIDEMARK = join(import.meta.dirname, '../../../../apps/cli/bin/tidemark.js')
const WRONG = 'a-wrong-one-that-nobody-may-read'
const DOOMED = '{"at":"soon","card":"card-0"}'
/** Far more than the declared skew, and than a command takes on a busy machine. */
const BEHIND_MS = 60_000
const BEHIND = { NODE_OPTIONS: `--import ${pathToFileURL(join(import.meta.dirname, 'off-clock.ts')).href}`, OFF_CLOCK_MS: `${-BEHIND_MS}` }
/** A server has 15 s to answer; the rest is for commands that start on a busy machine. */
const AWAY_MAX_MS = 60_000

interface Answer {
  readonly code: number
  readonly document: Readonly<Record<string, unknown>>
}

interface PointerAnswer {
  readonly servers: string
  readonly pointers: readonly { readonly view: string; readonly n: number; readonly generations: readonly { readonly n: number; readonly state: string }[] }[]
}

const errorCode = (code: string): object => ({ code: 3, document: { error: { code } } })

let addresses: Addresses
beforeAll(async () => {
  addresses = await sharedServers('kafka', 'cassandra', 's3', 'redis', 'redis-jobs')
}, TEST_MAX_MS)

/** Runs `tidemark … --servers --json`. */
async function tidemark(environment: Readonly<Record<string, string>>, ...args: readonly string[]): Promise<Answer> {
  const child = spawn(process.execPath, [TIDEMARK, ...args, '--servers', '--json'], { env: { ...process.env, ...environment }, stdio: ['ignore', 'pipe', 'pipe'] })
  const [[code], stdout, stderr] = await Promise.all([once(child, 'close') as Promise<[number]>, text(child.stdout), text(child.stderr)])
  expect(stdout + stderr).not.toContain(WRONG)
  return { code, document: JSON.parse(stdout) as Answer['document'] }
}

/** Runs `tidemark … --servers` in a terminal, and types an answer once it is asked for one. */
async function typed(environment: Readonly<Record<string, string>>, answer: string, ...args: readonly string[]): Promise<{ readonly code: number; readonly said: string }> {
  const command = [process.execPath, TIDEMARK, ...args, '--servers'].map((each) => `'${each}'`).join(' ')
  const child = spawn('script', ['--quiet', '--return', '--command', command, '/dev/null'], { env: { ...process.env, ...environment, NO_COLOR: '1' }, stdio: ['pipe', 'pipe', 'inherit'] })
  let said = ''
  child.stdout.setEncoding('utf8').on('data', (some: string) => {
    const isAsked = said.includes('[y/N]')
    said += some
    if (!isAsked && said.includes('[y/N]')) child.stdin.write(`${answer}\n`)
  })
  const [code] = (await once(child, 'close')) as [number]
  return { code, said }
}

describe('a system of services', () => {
  let world: ServiceWorld
  let speed: ServiceProcess
  let batch: ServiceProcess
  const run = (...args: readonly string[]): Promise<Answer> => tidemark(world.environment, ...args)

  beforeAll(async () => {
    world = await ServiceWorld.open(addresses, seededChance(1))
    ;[speed, batch] = (await world.startReady('speed-layer', 'batch-layer', 'archiver')) as [ServiceProcess, ServiceProcess, ServiceProcess]
  }, TEST_MAX_MS)
  afterAll(() => world[Symbol.asyncDispose](), TEST_MAX_MS)

  it('has definitions applied: planned, refused where a service in use would break, and taken up, which it shows', async () => {
    const fileOf = (name: string, definitions: Definitions): string => {
      const file = join(world.folder, `${name}.json`)
      writeFileSync(file, serializeDefinitions(definitions))
      return file
    }
    const model = (version: number): FeatureServiceDefinition => ({ name: 'model', version, features: [{ view: 'cards', feature: 'spent_1h' }] })
    const [same, withService, next, nextService] = [PAYMENTS, { ...PAYMENTS, services: [model(1)] }, { ...NEXT_PAYMENTS, services: [model(1)] }, { ...NEXT_PAYMENTS, services: [model(2)] }].map((each, i) => fileOf(`definitions-${i}`, each)) as [string, string, string, string]
    expect(await run('apply', same, '--dry-run')).toMatchObject({ code: 0, document: { changes: [], revision: 1, isApplied: false } })
    // Nobody can be asked, and nothing is applied.
    expect(await run('apply', withService)).toMatchObject({ code: 2, document: { error: { code: 'USAGE' } } })
    expect(await run('apply', withService, '--dry-run')).toMatchObject({ code: 0, document: { servers: world.namespace, changes: [{ kind: 'service', name: 'model', version: 1, change: 'added' }], isApplied: false } })
    expect(await typed(world.environment, 'n', 'apply', withService)).toMatchObject({ code: 1, said: expect.stringContaining('Nothing was applied.') })
    expect(await typed(world.environment, 'y', 'apply', withService)).toMatchObject({ code: 0, said: expect.stringContaining('applied revision 2') })
    expect(await run('apply', next, '--dry-run')).toMatchObject({ code: 0, document: {
      changes: [{ kind: 'view', name: 'cards', version: 2, change: 'version' }], staying: [{ service: 'model@1', view: 'cards@1', newest: 'cards@2' }], backFills: [{ view: 'cards@2' }], isApplied: false } })
    expect(await run('apply', next, '--yes', '--retire', 'cards@1')).toMatchObject({ code: 3, document: { error: { code: 'APPLY_REFUSED', problems: [{ where: 'service model@1' }] } } })
    expect(await run('apply', same, '--dry-run')).toMatchObject({ code: 0, document: { changes: [{ kind: 'service', change: 'removed' }] } })
    expect(await run('apply', nextService, '--yes', '--retire', 'cards@1', '--retire', 'model@1')).toMatchObject({ code: 0, document: { revision: 3 } })
    await until('that all have taken it up', async () => {
      const { code, document } = await run('views')
      expect(code).toBe(0)
      const { members, views } = document as unknown as { readonly members: readonly { readonly service: string; readonly isCurrent: boolean }[]; readonly views: readonly { readonly view: string; readonly services: readonly string[] }[] }
      expect(views).toMatchObject([{ view: 'cards@2', services: ['model@2'] }, { view: 'shops@1', services: [] }])
      return members.filter(({ isCurrent }) => isCurrent).map(({ service }) => service).sort().join() === 'archiver,batch-layer,speed-layer' ? null : JSON.stringify(members)
    })
    expect(await run('apply', same, '--yes')).toMatchObject(errorCode('APPLY_REFUSED'))
  }, TEST_MAX_MS)

  it('has its pointers shown and moved', async () => {
    await world.append()
    let shown: PointerAnswer | undefined
    await until('a generation to go back to', async () => {
      const { code, document } = await run('pointer', 'show', '--view', 'cards@2')
      expect(code).toBe(0)
      shown = document as unknown as PointerAnswer
      return (shown.pointers[0]?.generations ?? []).some(({ state }) => state === 'kept') ? null : JSON.stringify(shown)
    })
    expect(shown).toMatchObject({ servers: world.namespace, pointers: [{ view: 'cards@2' }] })
    // Nothing is published in between.
    await batch.stop()
    const { document: before } = await run('pointer', 'show')
    const [, cards, shops] = (before as unknown as PointerAnswer).pointers
    const older = cards!.generations.findLast(({ state }) => state === 'kept')!.n
    expect(await run('pointer', 'rollback', '--view', 'cards@2', '--to', `${older}`)).toMatchObject({ code: 0, document: { servers: world.namespace, view: 'cards@2', from: cards!.n, n: older } })
    const { document: after } = await run('pointer', 'show')
    expect(after).toMatchObject({ pointers: [{ view: 'cards@1' }, { view: 'cards@2', n: older, generations: expect.arrayContaining([expect.objectContaining({ n: cards!.n, state: 'ahead' })]) }, { view: 'shops@1', n: shops!.n }] })
    expect(await run('pointer', 'rollback', '--view', 'cards@2', '--to', '9999')).toMatchObject(errorCode('ROLLBACK_REFUSED'))
    expect(await run('pointer', 'show', '--view', 'card')).toMatchObject(errorCode('UNKNOWN_NAME'))
  }, TEST_MAX_MS)

  it('has its dead letters shown, and put back once', async () => {
    const [appended] = await world.log.append([{ topic: 'payments', partition: 1, records: [{ key: null, value: Buffer.from(DOOMED) }] }])
    const { firstOffset: offset } = appended!
    await until('the dead letter', async () => {
      const { code, document } = await run('dead-letters', 'list')
      expect(code).toBe(0)
      return document['count'] === 1 ? null : JSON.stringify(document)
    })
    expect(await run('dead-letters', 'list')).toMatchObject({ document: { source: 'payments', deadLetters: [{ partition: 1, offset, code: 'EVENT_MALFORMED' }] } })
    expect(await run('dead-letters', 'show', '1', `${offset}`)).toMatchObject({ code: 0, document: { partition: 1, offset, value: { text: DOOMED } } })
    expect(await run('dead-letters', 'show', '1', '9999')).toMatchObject(errorCode('UNKNOWN_NAME'))
    // It would make a dead letter of it again.
    await speed.stop()
    const { end } = await world.log.extent('payments', 1)
    expect(await run('dead-letters', 'replay', '--source', 'payments')).toMatchObject({ code: 0, document: { source: 'payments', replayedCount: 1 } })
    expect(await run('dead-letters', 'replay')).toMatchObject({ code: 0, document: { replayedCount: 0 } })
    const { records } = await world.log.fetch('payments', 1, end, { countMax: 10, sizeMaxBytes: 2 ** 20, waitMaxMs: 0 })
    expect(records.map(({ value }) => String(value))).toEqual([DOOMED])
  }, TEST_MAX_MS)

  it('is not made by a command that is told of another', async () => {
    const other = { ...world.environment, TIDEMARK_NAMESPACE: `${world.namespace}x` }
    for (let times = 0; times < 2; times++) expect(await tidemark(other, 'pointer', 'show')).toMatchObject(errorCode('STORE_SETTINGS'))
  }, TEST_MAX_MS)

  it('is reached with a password from a file, and with no wrong one', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tidemark-operating-'))
    try {
      const file = join(folder, 'password')
      writeFileSync(file, `${addresses.cassandra.password}\n`)
      expect(await tidemark({ ...world.environment, TIDEMARK_CASSANDRA_PASSWORD: '', TIDEMARK_CASSANDRA_PASSWORD_FILE: file }, 'pointer', 'show')).toMatchObject({ code: 0 })
    } finally {
      rmSync(folder, { recursive: true })
    }
    const { kafka, redis } = addresses
    const refused: readonly (readonly [Readonly<Record<string, string>>, ...string[]])[] = [
      [{ TIDEMARK_CASSANDRA_PASSWORD: WRONG }, 'pointer', 'show'],
      [{ TIDEMARK_KAFKA_BROKERS: kafka.saslBrokers.join(','), TIDEMARK_KAFKA_SASL_MECHANISM: 'SCRAM-SHA-256', TIDEMARK_KAFKA_SASL_USERNAME: kafka.username, TIDEMARK_KAFKA_SASL_PASSWORD: WRONG }, 'dead-letters', 'list'],
      [{ TIDEMARK_REDIS_STATE_USERNAME: redis.username, TIDEMARK_REDIS_STATE_PASSWORD: WRONG }, 'append-time', 'declare', '0', '0', '--as-stamped'],
    ]
    for (const [environment, ...command] of refused) expect([command, await tidemark({ ...world.environment, ...environment }, ...command)]).toMatchObject([command, errorCode('STORE_REFUSED')])
  }, TEST_MAX_MS)

  it('is given up where a server is away or says nothing, in time', async () => {
    const silent = await Promise.all([silentServer(), silentServer()])
    try {
      const fromMs = performance.now()
      const answers = await Promise.all([
        tidemark({ ...world.environment, TIDEMARK_CASSANDRA_CONTACT_POINTS: silent.map(({ address }) => address).join(',') }, 'pointer', 'show'),
        tidemark({ ...world.environment, TIDEMARK_KAFKA_BROKERS: '127.0.0.1:1' }, 'dead-letters', 'list'),
        tidemark({ ...world.environment, TIDEMARK_REDIS_STATE_NODES: silent[0]!.address }, 'append-time', 'declare', '0', '0', '--as-stamped'),
      ])
      expect(answers).toMatchObject(answers.map(() => errorCode('STORE_UNAVAILABLE')))
      expect(performance.now() - fromMs).toBeLessThan(AWAY_MAX_MS)
    } finally {
      for (const each of silent) each.close()
    }
  }, TEST_MAX_MS)
})

describe('a record that was stamped ahead', () => {
  it('is declared, and its partition goes on; where a processor has taken it, its stamp is accepted', async () => {
    await using world = await ServiceWorld.open(addresses, seededChance(1))
    const [serving] = await world.startReady('serving-layer')
    const url = (await serving!.untilReady()).url!
    const behind = await world.start('speed-layer', BEHIND)
    await behind.untilReady()
    const append = async (partition: number): Promise<string[]> => {
      const value = Buffer.from(JSON.stringify({ at: Date.now() - 2 * BEHIND_MS, id: partition, card: 'card-0', shop: 'shop-0', amount: 1 }))
      const [appended] = await world.log.append([{ topic: 'payments', partition, records: [{ key: null, value }] }])
      return [`${partition}`, `${appended!.firstOffset}`]
    }
    const declare = (clock: Readonly<Record<string, string>>, ...args: readonly string[]): Promise<Answer> => tidemark({ ...world.environment, ...clock }, 'append-time', 'declare', ...args)
    const untilFolded = (count: number): Promise<void> => until(`an answer of ${count} payments`, async () => {
      const response = await fetch(`${url}/v1/features`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ features: ['cards:payments_lifetime'], entities: [{ card: 'card-0' }] }) })
      const { entities: [entity] } = (await response.json()) as { entities: { values: unknown[] }[] }
      return entity!.values[0] === count ? null : JSON.stringify(entity)
    })
    const at = new Date(Date.now() - 2 * BEHIND_MS).toISOString()

    const ahead = await append(0)
    await behind.until('that the record is ahead', ({ code }) => code === 'APPEND_TIME_AHEAD')
    expect(await declare(BEHIND, ...ahead, '--at', at)).toMatchObject({ code: 0, document: { source: 'payments', partition: 0, offset: Number(ahead[1]), through: Number(ahead[1]), appendTimeMs: Date.parse(at) } })
    await untilFolded(1)
    await behind.stop()

    await world.startReady('speed-layer')
    const taken = await append(PARTITION_COUNT - 1)
    await untilFolded(2)
    expect(await declare(BEHIND, ...taken, '--at', at)).toMatchObject(errorCode('APPEND_TIME_SETTLED'))
    expect(await declare(BEHIND, ...taken, '--as-stamped')).toMatchObject({ code: 0, document: { appendTimeMs: 'stamped' } })
    // By a clock that is right it was never ahead.
    expect(await declare({}, ...await append(1), '--at', at)).toMatchObject({ code: 2, document: { error: { code: 'USAGE' } } })
  }, TEST_MAX_MS)
})

/** Takes connections, and says nothing. */
async function silentServer(): Promise<{ readonly address: string; close(): void }> {
  const sockets = new Set<Socket>()
  const server: Server = createServer((socket) => void sockets.add(socket.on('error', () => undefined))).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    close() {
      for (const socket of sockets) socket.destroy()
      server.close()
    },
  }
}
