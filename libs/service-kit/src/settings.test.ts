// Settings of a service: what they become, and that everything that is wrong is told at once, never with a secret.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { TidemarkError } from '@tidemark/feature-schema/errors'
import { cassandraSettings } from './cassandra-server.ts'
import { commonSettings } from './common-settings.ts'
import { engineSettings } from './engine.ts'
import { kafkaSettings } from './kafka-server.ts'
import { onlyWhere } from './optional-group.ts'
import { redisCacheSettings, redisJobsSettings, redisStateSettings } from './redis-servers.ts'
import { s3Settings } from './s3-server.ts'
import { schemaRegistrySettings } from './schema-registry.ts'
import { flag } from './setting-kinds.ts'
import { readSettings, settingsGroup, type Environment, type SettingsGroup } from './settings.ts'

const ALL = { common: commonSettings, kafka: kafkaSettings, s3: s3Settings, cassandra: cassandraSettings, state: redisStateSettings, jobs: redisJobsSettings, engine: engineSettings, registry: schemaRegistrySettings }
const LEAST: Environment = {
  TIDEMARK_KAFKA_BROKERS: 'a:1, b:2', TIDEMARK_S3_REGION: 'us-east-1', TIDEMARK_S3_BUCKET: 'bucket',
  TIDEMARK_CASSANDRA_CONTACT_POINTS: 'c', TIDEMARK_CASSANDRA_DATA_CENTER: 'dc1', TIDEMARK_REDIS_STATE_NODES: 'r:1', TIDEMARK_REDIS_JOBS_NODES: '[::1]:2',
}
const SECRET = 'a-secret-that-nobody-may-read'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tidemark-settings-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

function file(name: string, text: string): string {
  writeFileSync(join(folder, name), text)
  return join(folder, name)
}

/** `VARIABLE: what is told`, of all that is wrong. */
function mistakesOf(environment: Environment, groups: Readonly<Record<string, SettingsGroup<unknown>>> = ALL): string[] {
  try {
    readSettings(environment, groups)
  } catch (error) {
    expect(error).toBeInstanceOf(TidemarkError)
    expect(String(error)).not.toContain(SECRET)
    const { problems } = error as TidemarkError
    expect(problems.every(({ code, action }) => code === 'SETTINGS_INVALID' && action !== '')).toBe(true)
    return problems.map(({ where, message }) => `${where}: ${message}`).sort()
  }
  return []
}

describe('settings', () => {
  it('have defaults for all that can have one', () => {
    const { common, kafka, s3, cassandra, state, jobs, registry } = readSettings(LEAST, ALL)
    expect(registry).toBeNull()
    expect(common).toMatchObject({ definitionsEveryMs: 2_000, namespace: 'tidemark', logLevel: 'info', member: expect.stringMatching(new RegExp(`-${process.pid}$`)) })
    expect(kafka).toEqual({ partitionCount: 4, options: { brokers: ['a:1', 'b:2'], namePrefix: 'tidemark.' } })
    expect(s3).toEqual({ region: 'us-east-1', bucket: 'bucket', keyPrefix: 'tidemark/' })
    expect(cassandra).toEqual({ namespace: 'tidemark', contactPoints: ['c'], dataCenter: 'dc1', keyspace: 'tidemark' })
    expect([state, jobs]).toEqual([{ namespace: 'tidemark', server: { url: 'redis://r:1' } }, { namespace: 'tidemark', server: { url: 'redis://[::1]:2' } }])
  })

  it('become what adapters are opened with', () => {
    const ca = file('ca.pem', 'authorities')
    const [cert, key] = [file('cert.pem', 'certificate'), file('key.pem', 'its key')]
    const { common, kafka, s3, cassandra, state, jobs, engine, registry } = readSettings({
      ...LEAST, TIDEMARK_NAMESPACE: 'production', TIDEMARK_MEMBER: 'speed-0', TIDEMARK_LOG_LEVEL: 'warn',
      TIDEMARK_KAFKA_SASL_MECHANISM: 'SCRAM-SHA-512', TIDEMARK_KAFKA_SASL_USERNAME: 'u', TIDEMARK_KAFKA_SASL_PASSWORD_FILE: file('kafka', `${SECRET}\n`), TIDEMARK_KAFKA_TLS: 'true', TIDEMARK_KAFKA_PARTITIONS: '12', TIDEMARK_KAFKA_REPLICATION_FACTOR: '3',
      TIDEMARK_S3_ENDPOINT: 'https://s3.example.com:9000/', TIDEMARK_S3_ACCESS_KEY_ID: 'id', TIDEMARK_S3_SECRET_ACCESS_KEY_FILE: file('s3', ` ${SECRET} \r\n`),
      TIDEMARK_CASSANDRA_KEYSPACE: 'other', TIDEMARK_CASSANDRA_USERNAME: 'u', TIDEMARK_CASSANDRA_PASSWORD: SECRET, TIDEMARK_CASSANDRA_REPLICATION_FACTOR: '3', TIDEMARK_CASSANDRA_READ_CONSISTENCY: 'QUORUM',
      // Who shows a certificate wants TLS, whoever vouches for the server.
      TIDEMARK_CASSANDRA_TLS_CERT_FILE: cert, TIDEMARK_CASSANDRA_TLS_KEY_FILE: key,
      TIDEMARK_REDIS_STATE_NODES: 'a:1,b:2', TIDEMARK_REDIS_STATE_PASSWORD: SECRET, TIDEMARK_REDIS_JOBS_TLS_CA_FILE: ca, TIDEMARK_ENGINE_THREADS: '2',
      TIDEMARK_SCHEMA_REGISTRY_URLS: 'https://a/x, http://b', TIDEMARK_SCHEMA_REGISTRY_TOKEN: SECRET,
    }, ALL)
    expect(common).toMatchObject({ namespace: 'production', member: 'speed-0', logLevel: 'warn' })
    expect(kafka).toEqual({ partitionCount: 12, options: { brokers: ['a:1', 'b:2'], namePrefix: 'production.', sasl: { mechanism: 'SCRAM-SHA-512', username: 'u', password: SECRET }, tls: {}, replicationFactor: 3 } })
    expect(s3).toMatchObject({ endpoint: 'https://s3.example.com:9000', keyPrefix: 'production/', credentials: { accessKeyId: 'id', secretAccessKey: ` ${SECRET} ` } })
    expect(cassandra).toMatchObject({ keyspace: 'other', credentials: { username: 'u', password: SECRET }, replication: { class: 'NetworkTopologyStrategy', dc1: 3 }, readConsistency: 'QUORUM', tls: { cert: 'certificate', key: 'its key' } })
    expect(state).toEqual({ namespace: 'production', server: { nodes: ['a:1', 'b:2'] }, credentials: { password: SECRET } })
    expect(jobs).toEqual({ namespace: 'production', server: { url: 'rediss://[::1]:2' }, tls: { ca: 'authorities' } })
    expect(engine).toEqual({ threads: 2 })
    expect(registry).toEqual({ urls: ['https://a/x', 'http://b'], credentials: { token: SECRET } })
  })

  it('tell all that is wrong at once: what is missing, what is given, and what is expected', () => {
    const environment = {
      ...LEAST, TIDEMARK_DEFINITIONS_EVERY_MS: 'often', TIDEMARK_NAMESPACE: 'Production', TIDEMARK_LOG_LEVEL: 'loud', TIDEMARK_KAFKA_BROKERS: 'http://a:1', TIDEMARK_KAFKA_PARTITIONS: '1e3',
      TIDEMARK_S3_ENDPOINT: 'ftp://x', TIDEMARK_CASSANDRA_READ_CONSISTENCY: 'SOME', TIDEMARK_REDIS_STATE_CLUSTER: 'yes', TIDEMARK_REDIS_JOBS_TLS_CA_FILE: '/nowhere/ca.pem', TIDEMARK_ENGINE_THREADS: '-1',
    }
    expect(mistakesOf(environment)).toEqual([
      'TIDEMARK_CASSANDRA_READ_CONSISTENCY: It is "SOME" (from the environment variable TIDEMARK_CASSANDRA_READ_CONSISTENCY).', 'TIDEMARK_DEFINITIONS_EVERY_MS: It is "often" (from the environment variable TIDEMARK_DEFINITIONS_EVERY_MS).', 'TIDEMARK_ENGINE_THREADS: It is "-1" (from the environment variable TIDEMARK_ENGINE_THREADS).', 'TIDEMARK_KAFKA_BROKERS: It is "http://a:1" (from the environment variable TIDEMARK_KAFKA_BROKERS).', 'TIDEMARK_KAFKA_PARTITIONS: It is "1e3" (from the environment variable TIDEMARK_KAFKA_PARTITIONS).',
      // Once, though five groups read it.
      'TIDEMARK_LOG_LEVEL: It is "loud" (from the environment variable TIDEMARK_LOG_LEVEL).', 'TIDEMARK_NAMESPACE: It is "Production" (from the environment variable TIDEMARK_NAMESPACE).', 'TIDEMARK_REDIS_JOBS_TLS_CA_FILE: It is "/nowhere/ca.pem" (from the environment variable TIDEMARK_REDIS_JOBS_TLS_CA_FILE).', 'TIDEMARK_REDIS_STATE_CLUSTER: It is "yes" (from the environment variable TIDEMARK_REDIS_STATE_CLUSTER).', 'TIDEMARK_S3_ENDPOINT: It is "ftp://x" (from the environment variable TIDEMARK_S3_ENDPOINT).',
    ])
  })

  it('tell where each wrong value came from', () => {
    const named = file('password', `${SECRET}\u0007`)
    expect(mistakesOf({
      ...LEAST, TIDEMARK_LOG_LEVEL: 'loud', TIDEMARK_KAFKA_SASL_USERNAME: 'u', TIDEMARK_KAFKA_SASL_MECHANISM: 'PLAIN', TIDEMARK_KAFKA_SASL_PASSWORD_FILE: named,
      TIDEMARK_CASSANDRA_USERNAME: 'u', TIDEMARK_CASSANDRA_PASSWORD_FILE: file('nothing', '\n'), TIDEMARK_REDIS_STATE_PASSWORD_FILE: '/nowhere/password', TIDEMARK_S3_BUCKET: '',
    })).toEqual([
      'TIDEMARK_CASSANDRA_PASSWORD_FILE: "FOLDER/nothing" is empty (from the environment variable TIDEMARK_CASSANDRA_PASSWORD_FILE).'.replace('FOLDER', folder),
      `TIDEMARK_KAFKA_SASL_PASSWORD: What is given is not shown, and is nothing that it may be (from the file "${named}", which TIDEMARK_KAFKA_SASL_PASSWORD_FILE names).`,
      'TIDEMARK_LOG_LEVEL: It is "loud" (from the environment variable TIDEMARK_LOG_LEVEL).',
      'TIDEMARK_REDIS_STATE_PASSWORD_FILE: "/nowhere/password" cannot be read: ENOENT (from the environment variable TIDEMARK_REDIS_STATE_PASSWORD_FILE).',
      'TIDEMARK_S3_BUCKET: It is not given.',
    ])
    const ofDefault = settingsGroup({ prefix: 'TIDEMARK_', variables: { X: flag.default(false) }, check: () => [{ name: 'X', message: 'It clashes.', action: 'Give true.' }], become: () => null })
    expect(mistakesOf({}, { ofDefault })).toEqual(['TIDEMARK_X: It clashes (from its default).'])
  })

  it.each<[string, Environment, string[]]>([
    ['a mechanism without a user', { TIDEMARK_KAFKA_SASL_MECHANISM: 'PLAIN' }, ['TIDEMARK_KAFKA_SASL_USERNAME: It is not given, but TIDEMARK_KAFKA_SASL_MECHANISM is.']],
    ['a user without the rest', { TIDEMARK_KAFKA_SASL_USERNAME: 'u' }, ['TIDEMARK_KAFKA_SASL_MECHANISM: It is not given, but TIDEMARK_KAFKA_SASL_USERNAME is.', 'TIDEMARK_KAFKA_SASL_PASSWORD: It is not given, but TIDEMARK_KAFKA_SASL_USERNAME is.']],
    ['half of a key', { TIDEMARK_S3_SECRET_ACCESS_KEY: SECRET }, ['TIDEMARK_S3_ACCESS_KEY_ID: It is not given, but TIDEMARK_S3_SECRET_ACCESS_KEY is.']],
    ['a secret twice', { TIDEMARK_CASSANDRA_USERNAME: 'u', TIDEMARK_CASSANDRA_PASSWORD: SECRET, TIDEMARK_CASSANDRA_PASSWORD_FILE: '/x' }, ['TIDEMARK_CASSANDRA_PASSWORD_FILE: TIDEMARK_CASSANDRA_PASSWORD is given too (from the environment variable TIDEMARK_CASSANDRA_PASSWORD_FILE).']],
    ['a secret whose file is not there', { TIDEMARK_CASSANDRA_USERNAME: 'u', TIDEMARK_CASSANDRA_PASSWORD_FILE: '/nowhere/x' }, ['TIDEMARK_CASSANDRA_PASSWORD_FILE: "/nowhere/x" cannot be read: ENOENT (from the environment variable TIDEMARK_CASSANDRA_PASSWORD_FILE).']],
    ['a secret whose file is empty', { TIDEMARK_CASSANDRA_USERNAME: 'u', TIDEMARK_CASSANDRA_PASSWORD_FILE: '/dev/null' }, ['TIDEMARK_CASSANDRA_PASSWORD_FILE: "/dev/null" is empty (from the environment variable TIDEMARK_CASSANDRA_PASSWORD_FILE).']],
    ['a secret that is no text', { TIDEMARK_REDIS_STATE_PASSWORD: `${SECRET}\u0007` }, ['TIDEMARK_REDIS_STATE_PASSWORD: What is given is not shown, and is nothing that it may be (from the environment variable TIDEMARK_REDIS_STATE_PASSWORD).']],
    ['credentials in an address', { TIDEMARK_S3_ENDPOINT: `http://u:${SECRET}@s3:1` }, ['TIDEMARK_S3_ENDPOINT: What is given is not shown, and is nothing that it may be (from the environment variable TIDEMARK_S3_ENDPOINT).']],
    ['a password alone in an address', { TIDEMARK_S3_ENDPOINT: `http://:${SECRET}@s3:1` }, ['TIDEMARK_S3_ENDPOINT: What is given is not shown, and is nothing that it may be (from the environment variable TIDEMARK_S3_ENDPOINT).']],
    ['one node of several', { TIDEMARK_REDIS_STATE_NODES: 'a:1,b:2', TIDEMARK_REDIS_STATE_CLUSTER: 'false' }, ['TIDEMARK_REDIS_STATE_CLUSTER: It is "false", but there are several nodes (from the environment variable TIDEMARK_REDIS_STATE_CLUSTER).']],
    ['a namespace that no keyspace can be named after', { TIDEMARK_NAMESPACE: 'a-b' }, ['TIDEMARK_CASSANDRA_KEYSPACE: It is not given, and the namespace is no name of a keyspace.']],
    ['a name with a letter too few', { TIDEMARK_KAFKA_PARTITION: '3' }, ['TIDEMARK_KAFKA_PARTITION: There is no such setting (from the environment variable TIDEMARK_KAFKA_PARTITION).']],
    ['a name in small letters', { tidemark_log_level: 'warn' }, ['tidemark_log_level: There is no such setting (from the environment variable tidemark_log_level).']],
    ['a certificate without its key', { TIDEMARK_KAFKA_TLS_CERT_FILE: '/dev/null' }, ['TIDEMARK_KAFKA_TLS_KEY_FILE: It is not given, but TIDEMARK_KAFKA_TLS_CERT_FILE is.']],
  ])('refuse %s', (_, environment, told) => {
    expect(mistakesOf({ ...LEAST, ...environment })).toEqual(told)
  })

  it('leave alone what others are called', () => {
    expect(mistakesOf({ ...LEAST, TIDEMARK_SERVERS_SET: 'tests', TIDEMARK_HTTP_PORT: '1', TIDEMARK_SERVICE_PORT_HTTP: 'tcp://10.0.0.1:80' })).toEqual([])
  })

  it('are asked for only where one of them is given', () => {
    const groups = { cache: redisCacheSettings }
    expect(readSettings({ TIDEMARK_REDIS_CACHE_NODES: '', TIDEMARK_REDIS_CACHE_CLUSTER: 'maybe' }, groups)).toEqual({ cache: null })
    expect(readSettings({ TIDEMARK_REDIS_CACHE_NODES: 'c:1' }, groups)).toEqual({ cache: { namespace: 'tidemark', server: { url: 'redis://c:1' } } })
    expect(mistakesOf({ TIDEMARK_REDIS_CACHE_NODES: 'c:1', TIDEMARK_REDIS_CACHE_CLUSTER: 'maybe' }, groups)).toEqual(['TIDEMARK_REDIS_CACHE_CLUSTER: It is "maybe" (from the environment variable TIDEMARK_REDIS_CACHE_CLUSTER).'])
  })

  it('are asked for only where a flag says so', () => {
    const groups = { kafka: onlyWhere('TIDEMARK_HTTP_EVENTS', 'Whether events are taken.', kafkaSettings) }
    expect(readSettings({}, groups)).toEqual({ kafka: null })
    expect(readSettings({ ...LEAST, TIDEMARK_HTTP_EVENTS: 'true' }, groups).kafka).toMatchObject({ partitionCount: 4 })
    expect(mistakesOf({ TIDEMARK_HTTP_EVENTS: 'true' }, groups)).toEqual(['TIDEMARK_KAFKA_BROKERS: It is not given.'])
    expect(mistakesOf({ TIDEMARK_HTTP_EVENTS: '1' }, groups)).toEqual(['TIDEMARK_HTTP_EVENTS: It is "1" (from the environment variable TIDEMARK_HTTP_EVENTS).'])
  })
})
