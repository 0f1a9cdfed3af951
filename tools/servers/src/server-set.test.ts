// Sets of small servers: what is promised of starting together, failing alone, being interrupted and being taken down.
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { PinnedBuild } from './builds.ts'
import { SERVER_NAMES, type ServerName } from './names.ts'
import { findFreePorts, isFree, LOOPBACK, type PortName } from './ports.ts'
import { identifyProcess, isRunning, type ProcessIdentity } from './process-identity.ts'
import { askRedis } from './probes.ts'
import { ServerSet, sweepAbandonedSets, type ServerEvent, type Watch } from './server-set.ts'
import type { Command, ServerPlace, ServerSpec, ServerSpecs } from './server-specs.ts'
import { listSets, SetFolder } from './set-folder.ts'

/** Answers a line with the pids of all who ever ran on its data folder. */
const PROGRAM = `
  import { appendFileSync, readFileSync } from 'node:fs'
  import { createServer } from 'node:net'
  const [port, manner] = process.argv.slice(2)
  if (manner === 'broken') { console.error('the disk is upside down'); process.exit(3) }
  appendFileSync('data/pids', process.pid + ' ')
  const server = createServer((socket) => socket.on('error', () => {}).on('data', () => socket.write('+' + readFileSync('data/pids', 'utf8') + '\\r\\n')))
  if (manner === 'silent') setInterval(() => {}, 1000)
  else server.listen(Number(port), '127.0.0.1')
`

const toyBuild: PinnedBuild = {
  name: 'toy', version: '1', tools: [], expected: 'no time',
  build: async ({ folder }) => writeFileSync(join(folder, 'toy.mjs'), PROGRAM),
}

type Manner = 'sound' | 'broken' | 'silent'

function toySpecs(manners: Partial<Record<ServerName, Manner>> = {}): ServerSpecs {
  const specOf = (name: ServerName): ServerSpec => ({
    build: toyBuild,
    configure: () => ({ 'toy.conf': '' }),
    start: ({ build, ports }) => ({ program: process.execPath, args: [join(build, 'toy.mjs'), `${ports[name as PortName]}`, manners[name] ?? 'sound'] }),
    probe: async (ports) => void (await askRedis(ports[name as PortName], 'PING')),
  })
  return Object.fromEntries(SERVER_NAMES.map((name) => [name, specOf(name)])) as ServerSpecs
}

describe('a set of servers', () => {
  let root = ''
  const opened: ServerSet[] = []

  async function openSet(specs = toySpecs(), name = 'a'): Promise<ServerSet> {
    const set = new ServerSet(new SetFolder(name, join(root, 'sets')), await findFreePorts(), { specs, buildsRoot: join(root, 'builds') })
    set.folder.writeAddresses(set.ports)
    opened.push(set)
    return set
  }
  const pidsOf = async (set: ServerSet, name: ServerName): Promise<number[]> =>
    (await askRedis(set.ports[name as PortName], 'PING')).trim().split(' ').map(Number)

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'tidemark-set-'))
  })
  afterEach(async () => {
    for (const set of opened.splice(0)) await set.down(SERVER_NAMES)
    rmSync(root, { recursive: true })
  })

  it('comes up, each server on its own port, and goes down with all that it had', async () => {
    const set = await openSet()
    const events: string[] = []
    const failures = await set.up(['redis', 's3'], { watch: (name, { kind }) => events.push(`${name} ${kind}`) })
    expect(failures.size).toBe(0)
    expect(events.sort()).toEqual(['redis building', 'redis ready', 'redis starting', 's3 ready', 's3 starting'])
    expect(await pidsOf(set, 'redis')).toEqual([set.status('redis').pid])
    expect(set.status('kafka').state).toBe('stopped')
    await set.down(['redis'])
    expect(await isFree(set.ports.redis)).toBe(true)
    expect(set.folder.names()).toEqual(['s3'])
    await set.down(['s3'])
    expect(existsSync(set.folder.path)).toBe(false)
  })

  it('stays as it is when it is brought up twice, also at once', async () => {
    const set = await openSet()
    const again = new ServerSet(set.folder, set.ports, { specs: toySpecs(), buildsRoot: join(root, 'builds') })
    const events: ServerEvent[] = []
    await Promise.all([set.up(['redis']), again.up(['redis'], { watch: (_, event) => events.push(event) })])
    await again.up(['redis'], { watch: (_, event) => events.push(event) })
    expect(await pidsOf(set, 'redis')).toHaveLength(1)
    expect(events.at(-1)).toMatchObject({ kind: 'ready', wasRunning: true })
  })

  it('says how the one that fails ended, with the end of its log, and keeps the others', async () => {
    const set = await openSet(toySpecs({ kafka: 'broken' }))
    const failures = await set.up(['redis', 'kafka', 's3'])
    expect([...failures.keys()]).toEqual(['kafka'])
    expect(failures.get('kafka')!.message).toContain('the disk is upside down')
    expect(['redis', 's3', 'kafka'].map((name) => set.status(name as ServerName).state)).toEqual(['running', 'running', 'stopped'])
  })

  it('leaves nothing running that an interrupted start had started, and all that ran before', async () => {
    const set = await openSet(toySpecs({ s3: 'silent' }))
    await set.up(['redis'])
    const abort = new AbortController()
    const up = set.up(['redis', 'kafka', 's3'], {
      signal: abort.signal,
      watch: (name, { kind }) => {
        if (name === 'kafka' && kind === 'ready') abort.abort(new Error('interrupted'))
      },
    })
    await expect(up).rejects.toThrow('interrupted')
    expect(['redis', 'kafka', 's3'].map((name) => set.status(name as ServerName).state)).toEqual(['running', 'stopped', 'stopped'])
  })

  it('says all ports that are in use, by whom, and starts nothing', async () => {
    const set = await openSet()
    const squatter = createServer().listen(set.ports['kafka-controller'], LOOPBACK)
    await once(squatter, 'listening')
    try {
      await expect(set.up(['kafka', 'redis'])).rejects.toThrow(
        new RegExp(`kafka wants 127\\.0\\.0\\.1:${set.ports['kafka-controller']} \\(kafka-controller\\), and pid ${process.pid} \\(`),
      )
      expect(set.status('redis').state).toBe('stopped')
    } finally {
      squatter.close()
    }
  })

  it('is not there where none of it could start, and cannot be in two places', async () => {
    const set = await openSet(toySpecs({ redis: 'broken' }))
    set.folder.removeAll()
    const squatter = createServer().listen(set.ports.redis, LOOPBACK)
    await once(squatter, 'listening')
    await expect(set.up(['redis'])).rejects.toThrow('Ports are in use')
    expect(existsSync(set.folder.path)).toBe(false)
    squatter.close()
    await once(squatter, 'close')
    const abort = new AbortController()
    const watch: Watch = (_, { kind }) => kind === 'building' && abort.abort(new Error('interrupted'))
    await expect(set.up(['redis'], { signal: abort.signal, watch })).rejects.toThrow('interrupted')
    expect(existsSync(set.folder.path)).toBe(false)
    await set.up(['redis'])
    expect(set.folder.readAddresses()!.ports).toEqual(set.ports)
    const elsewhere = new ServerSet(set.folder, await findFreePorts(), { specs: toySpecs(), buildsRoot: join(root, 'builds') })
    await expect(elsewhere.up(['redis'])).rejects.toThrow('The set a has other ports already')
  })

  it('is known by who its servers are before anything else can end who starts them', async () => {
    const { redis, ...others } = toySpecs()
    let known: ProcessIdentity | undefined
    const start = (place: ServerPlace): Command => {
      process.nextTick(() => (known = set.folder.readProcess('redis')))
      return redis.start(place)
    }
    const set = await openSet({ ...others, redis: { ...redis, start } })
    await set.up(['redis'])
    expect(known).toEqual(set.identityOf('redis'))
  })

  it('keeps ports and data over kill, stop and restart', async () => {
    const set = await openSet()
    await set.up(['redis'])
    const first = set.status('redis').pid!
    await set.kill('redis')
    expect(set.status('redis').state).toBe('stopped')
    await set.restart('redis')
    const second = set.status('redis').pid!
    await set.restart('redis')
    expect(await pidsOf(set, 'redis')).toEqual([first, second, set.status('redis').pid])
    await expect(set.kill('s3')).rejects.toThrow('s3 of the set a does not run')
  })

  it('ends a paused server too', async () => {
    const set = await openSet()
    await set.up(['redis'])
    const identity = set.folder.readProcess('redis')!
    await set.pause('redis')
    await expect(askRedis(set.ports.redis, 'PING')).rejects.toThrow('no answer within')
    expect(set.status('redis').state).toBe('paused')
    await set.stop('redis')
    expect(isRunning(identity)).toBe(false)
  })

  it('never touches a process that got the pid of a server that has ended', async () => {
    const set = await openSet()
    await set.up(['redis'])
    await set.kill('redis')
    const self = identifyProcess(process.pid)!
    set.folder.writeProcess('redis', { ...self, startTicks: self.startTicks - 1 })
    expect(set.status('redis').state).toBe('stopped')
    await set.down(['redis'], { keepData: true })
    expect(existsSync(set.folder.folderOf('redis'))).toBe(true)
  })

  it('is swept when its owner has ended, and only then', async () => {
    const [owned, abandoned] = [await openSet(toySpecs(), 'owned'), await openSet(toySpecs(), 'abandoned')]
    await Promise.all([owned.up(['redis']), abandoned.up(['redis'])])
    const self = identifyProcess(process.pid)!
    owned.folder.writeAddresses(owned.ports, self)
    abandoned.folder.writeAddresses(abandoned.ports, { ...self, startTicks: self.startTicks - 1 })
    await sweepAbandonedSets(join(root, 'sets'))
    expect(listSets(join(root, 'sets'))).toEqual(['owned'])
    expect(await isFree(abandoned.ports.redis)).toBe(true)
  })
})
