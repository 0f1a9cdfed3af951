// The compose file gives what `npm run servers` gives, and is a compose file: there need be no Docker to see that.
import { describe, expect, it } from '@jest/globals'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { LOCAL_USER } from './addresses.ts'
import { expandNames, SERVER_NAMES, type ServerName } from './names.ts'
import { DEFAULT_PORTS, LOOPBACK, portsFrom, type PortName } from './ports.ts'
import { SERVER_SPECS, type ServerPlace } from './server-specs.ts'
import { APICURIO_VERSION, CASSANDRA_VERSION, KAFKA_VERSION, MINIO_VERSION, REDIS_VERSION } from './versions.ts'

interface Service {
  readonly image?: string
  readonly build?: { readonly context: string; readonly dockerfile: string; readonly args: Record<string, string> }
  readonly ports?: readonly string[]
  readonly environment?: Readonly<Record<string, unknown>>
  readonly command?: readonly string[]
  readonly volumes?: readonly string[]
  readonly profiles?: readonly string[]
  readonly network_mode?: string
  readonly healthcheck?: object
}

const infra = join(import.meta.dirname, '..', '..', '..', 'infra')
const readYaml = (path: string): unknown => parse(readFileSync(join(infra, path), 'utf8'), { merge: true })
const compose = readYaml('docker-compose.yml') as { readonly services: Readonly<Record<string, Service>>; readonly volumes: object }
const services = Object.entries(compose.services)
const valueAfter = (args: readonly string[], option: string): string | undefined => args[args.indexOf(option) + 1]

describe('the compose file', () => {
  it('follows the Compose Specification', () => {
    const schema = JSON.parse(readFileSync(join(infra, 'compose-spec.schema.json'), 'utf8')) as object
    const check = new Ajv2020({ strict: false, allErrors: true, validateFormats: false }).compile(schema)
    check(compose)
    expect(check.errors ?? []).toEqual([])
    check({ ...compose, services: { kafka: { imagine: 'a typing error' } } })
    expect(check.errors).not.toBeNull()
  })

  it('has every server, the cluster and the schema registry only when asked for, and what watches them', () => {
    const watching = ['prometheus', 'grafana', 'otel-collector']
    expect(Object.keys(compose.services).sort()).toEqual([...SERVER_NAMES, ...watching].sort())
    expect(services.filter(([, { profiles }]) => profiles?.includes('cluster')).map(([name]) => name)).toEqual(expandNames(['redis-cluster']))
    expect(compose.services['schema-registry']!.profiles).toEqual(['schema-registry'])
  })

  it('has the same versions', () => {
    expect(compose.services['kafka']!.image).toBe(`apache/kafka:${KAFKA_VERSION}`)
    expect(compose.services['cassandra']!.image).toBe(`cassandra:${CASSANDRA_VERSION}`)
    expect(compose.services['s3']!.build!.args).toEqual({ MINIO_VERSION })
    expect(compose.services['schema-registry']!.image).toBe(`apicurio/apicurio-registry-mem:${APICURIO_VERSION}`)
    for (const name of SERVER_NAMES.filter((each) => each.startsWith('redis'))) expect(compose.services[name]!.image).toBe(`redis:${REDIS_VERSION}`)
  })

  it('pins every image', () => {
    const tags = services.flatMap(([, { image }]) => (image === undefined ? [] : [image.split(':')[1] ?? '']))
    expect(tags.filter((tag) => !/^v?\d+\.\d+\.\d+(\.Final)?$/.test(tag))).toEqual([])
  })

  it('has the same ports, on loopback only', () => {
    const published = services.flatMap(([, { ports }]) => ports ?? []).map((port) => port.split(':'))
    expect(published.filter(([address]) => address !== LOOPBACK)).toEqual([])
    const clients: PortName[] = ['kafka', 'kafka-sasl', 'cassandra', 's3', 'redis', 'redis-jobs', 'redis-cache', 'schema-registry']
    expect(published.map(([, port]) => Number(port))).toEqual(expect.arrayContaining(clients.map((name) => DEFAULT_PORTS[name])))
    for (const node of [1, 2, 3] as const) {
      const { command } = compose.services[`redis-cluster-${node}`]!
      expect(valueAfter(command!, '--bind')).toBe(LOOPBACK)
      expect(valueAfter(command!, '--port')).toBe(`${DEFAULT_PORTS[`redis-cluster-${node}`]}`)
      expect(valueAfter(command!, '--cluster-port')).toBe(`${DEFAULT_PORTS[`redis-cluster-bus-${node}`]}`)
    }
    const hostPorts = published.map(([, port]) => port)
    expect(new Set(hostPorts).size).toBe(hostPorts.length)
  })

  it('gives Kafka the same settings, but for where it listens and who may log in', () => {
    const own = /^(listeners|advertised\.listeners|listener\.|controller\.quorum|inter\.broker|sasl\.|log\.dirs)/
    const settings = kafkaProperties().filter(([key]) => !own.test(key))
    expect(settings.length).toBeGreaterThan(10)
    const environment = compose.services['kafka']!.environment!
    for (const [key, value] of settings) {
      const variable = `KAFKA_${key.toUpperCase().replaceAll('.', '_')}`
      expect([variable, String(environment[variable])]).toEqual([variable, value])
    }
  })

  it('lets the same user in', () => {
    const { username, password } = LOCAL_USER
    expect(compose.services['s3']!.environment).toMatchObject({ MINIO_ROOT_USER: username, MINIO_ROOT_PASSWORD: password })
    expect(compose.services['kafka']!.environment!['KAFKA_LISTENER_NAME_SASL_PLAIN_SASL_JAAS_CONFIG']).toContain(`user_${username}="${password}"`)
    for (const name of ['redis', 'redis-jobs', 'redis-cache']) expect(compose.services[name]!.command!.join(' ')).toContain(`--user ${username} on >${password} `)
  })

  it('gives Cassandra the same heap', () => {
    const { args } = SERVER_SPECS.cassandra.start(placeOf('cassandra'))
    expect(args).toContain(`-Xmx${String(compose.services['cassandra']!.environment!['MAX_HEAP_SIZE']).toLowerCase()}`)
  })

  it('mounts only files that are there and volumes that are declared', () => {
    const sources = services.flatMap(([, { volumes }]) => volumes ?? []).map((volume) => volume.split(':')[0]!)
    expect(sources.filter((source) => (source.startsWith('./') ? !existsSync(join(infra, source)) : !(source in compose.volumes)))).toEqual([])
    const { context, dockerfile } = compose.services['s3']!.build!
    expect(existsSync(join(infra, context, dockerfile))).toBe(true)
  })

  it('knows of each server when it is healthy', () => {
    expect(SERVER_NAMES.filter((name) => compose.services[name]!.healthcheck === undefined)).toEqual([])
  })
})

describe('what watches the servers', () => {
  it('listens on loopback where it shares the host\'s network, and is asked there', () => {
    const { prometheus, grafana } = compose.services as Record<'prometheus' | 'grafana', Service>
    expect([prometheus.network_mode, grafana.network_mode]).toEqual(['host', 'host'])
    expect(prometheus.command).toContain(`--web.listen-address=${LOOPBACK}:9090`)
    expect(grafana.environment).toMatchObject({ GF_SERVER_HTTP_ADDR: LOOPBACK, GF_SERVER_HTTP_PORT: 3000 })
    const { datasources } = readYaml('observability/grafana/datasources.yml') as { datasources: { url: string }[] }
    expect(datasources.map(({ url }) => url)).toEqual([`http://${LOOPBACK}:9090`])
  })

  it('asks the services at their admin ports, and what else is there at the port that it has', () => {
    const { scrape_configs } = readYaml('observability/prometheus/prometheus.yml') as { scrape_configs: { job_name: string; static_configs: { targets: string[] }[] }[] }
    const targetsOf = Object.fromEntries(scrape_configs.map((job) => [job.job_name, job.static_configs.flatMap(({ targets }) => targets)]))
    const published = services.flatMap(([, { ports }]) => ports ?? []).map((port) => port.split(':').slice(0, 2).join(':'))
    const { tidemark, prometheus, ...others } = targetsOf
    expect(prometheus).toEqual([`${LOOPBACK}:9090`])
    expect(published).toEqual(expect.arrayContaining(Object.values(others).flat()))
    const reference = readFileSync(join(infra, '../docs/services.md'), 'utf8').split('\n').find((line) => line.includes('`TIDEMARK_ADMIN_PORT` |'))!
    expect(tidemark).toEqual([...reference.matchAll(/(\d+) of `/g)].map(([, port]) => `${LOOPBACK}:${port}`))
    expect(tidemark).toHaveLength(4)
  })

  it('has every part of a pipeline that the collector names', () => {
    const collector = readYaml('observability/otel-collector.yml') as Record<'receivers' | 'processors' | 'exporters', object> & {
      service: { pipelines: Record<string, Record<'receivers' | 'processors' | 'exporters', string[]>> }
    }
    for (const pipeline of Object.values(collector.service.pipelines)) {
      for (const kind of ['receivers', 'processors', 'exporters'] as const) expect(Object.keys(collector[kind])).toEqual(expect.arrayContaining(pipeline[kind]))
    }
  })
})

function placeOf(name: ServerName): ServerPlace {
  return { name, ports: portsFrom(20_000), folder: `/sets/a/${name}`, build: '/builds/it', java: 'java' }
}

function kafkaProperties(): [key: string, value: string][] {
  const text = SERVER_SPECS.kafka.configure(placeOf('kafka'))['kafka.properties']!
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  return lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)])
}
