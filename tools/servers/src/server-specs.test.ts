import { describe, expect, it } from '@jest/globals'
import { SERVER_NAMES, type ServerName } from './names.ts'
import { portNamesOf, portsFrom } from './ports.ts'
import { SERVER_SPECS, type ServerPlace } from './server-specs.ts'

const ports = portsFrom(20_000)
const placeOf = (name: ServerName): ServerPlace => ({ name, ports, folder: `/sets/a/${name}`, build: '/builds/it', java: '/jdk/bin/java' })
/** All that the server is told: its files, and the commands that prepare and start it. */
const toldTo = (name: ServerName): string => {
  const [spec, place] = [SERVER_SPECS[name], placeOf(name)]
  const commands = [spec.prepare?.(place), spec.start(place)].map((command) => [command?.program, ...(command?.args ?? [])].join(' '))
  return [...Object.values(spec.configure(place)), ...commands].join('\n')
}
const confOf = (name: ServerName, file: string): string[] => SERVER_SPECS[name].configure(placeOf(name))[file]!.split('\n')

describe('a server', () => {
  it.each(SERVER_NAMES)('%s is told its own ports, nobody else\'s and no usual one, and its own folder', (name) => {
    const told = new Set((toldTo(name).match(/\b2\d{4}\b/g) ?? []).map(Number))
    expect([...told].filter((port) => port < 20_100).sort()).toEqual(portNamesOf(name).map((portName) => ports[portName]).sort())
    expect(toldTo(name)).toContain(`/sets/a/${name}/data`)
    expect(toldTo(name)).not.toMatch(/\b(9092|9093|9042|7000|7199|6379)\b/)
  })

  it.each(SERVER_NAMES)('%s listens on loopback only', (name) => {
    expect(toldTo(name)).toContain('127.0.0.1')
    expect(toldTo(name)).not.toMatch(/0\.0\.0\.0|\[::\]/)
  })
})

describe('Redis', () => {
  it.each(['redis', 'redis-jobs', 'redis-cluster-1'] as const)('evicts nothing from %s, and has it on the disk within a second', (name) => {
    expect(confOf(name, 'redis.conf')).toEqual(expect.arrayContaining(['maxmemory-policy noeviction', 'appendonly yes', 'appendfsync everysec']))
  })

  it('may evict from the cache, which is bounded', () => {
    expect(confOf('redis-cache', 'redis.conf')).toEqual(expect.arrayContaining(['maxmemory-policy allkeys-lru', 'maxmemory 64mb', 'appendonly no']))
  })

  it('is started with the libraries of its own build where it was unpacked', () => {
    expect(SERVER_SPECS.redis.start(placeOf('redis'))).toEqual({ program: '/builds/it/redis-server', args: ['/sets/a/redis/redis.conf'] })
  })
})

describe('Kafka', () => {
  it('makes no topic by itself and is one node of each internal topic', () => {
    expect(confOf('kafka', 'kafka.properties')).toEqual(expect.arrayContaining([
      'auto.create.topics.enable=false', 'offsets.topic.replication.factor=1', 'transaction.state.log.replication.factor=1',
      'listeners=PLAINTEXT://127.0.0.1:20000,SASL://127.0.0.1:20002,CONTROLLER://127.0.0.1:20001',
    ]))
  })

  it('never gets an id that its command line would take for an option', () => {
    const ids = Array.from({ length: 2_000 }, () => SERVER_SPECS.kafka.prepare!(placeOf('kafka')).args.find((_, index, args) => args[index - 1] === '-t')!)
    expect(ids.filter((id) => !/^[\w][\w-]{21}$/.test(id))).toEqual([])
  })
})
