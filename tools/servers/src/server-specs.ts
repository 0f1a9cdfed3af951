// What each server is: its build, its configuration, the command that starts it, and how it shows that it answers. Values only, and
// no process: a spec is rendered for one place (a folder, ports) and can be looked at without starting anything.
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { CASSANDRA_USER, LOCAL_USER, S3_BUCKET } from './addresses.ts'
import { apicurioBuild, cassandraBuild, kafkaBuild, libraryFolders, minioBuild, redisBuild, type PinnedBuild } from './builds.ts'
import { isClusterNode, type ServerName } from './names.ts'
import { LOOPBACK, type PortName, type Ports } from './ports.ts'
import { probeCassandra, probeKafka, probeRedis, probeS3, probeSchemaRegistry } from './probes.ts'
import { renderTemplate } from './template.ts'
import { APICURIO_VERSION } from './versions.ts'

/** Where one server of a set lives. */
export interface ServerPlace {
  readonly name: ServerName
  readonly ports: Ports
  /** The server's own folder; its data is in `data` there. */
  readonly folder: string
  /** Of its build, or for Redis the folder on PATH that has the pinned version. */
  readonly build: string
  readonly java: string
}

export interface Command {
  readonly program: string
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string>>
}

export interface ServerSpec {
  readonly build: PinnedBuild
  /** What it needs to run, beside its build. */
  readonly java?: { readonly least: number; readonly most?: number }
  /** Its configuration: file name in the server's folder → text. */
  configure(place: ServerPlace): Record<string, string>
  /** Run once, before the first start on an empty data folder. */
  prepare?(place: ServerPlace): Command
  start(place: ServerPlace): Command
  /** Resolves when it answers its own protocol; throws why it does not yet. */
  probe(ports: Ports): Promise<void>
}

export const DATA_FOLDER = 'data'

const dataFolder = ({ folder }: ServerPlace): string => join(folder, DATA_FOLDER)
const port = ({ ports, name }: ServerPlace): number => ports[name as PortName]

const kafka: ServerSpec = {
  build: kafkaBuild,
  java: { least: 17 },
  configure: (place) => ({
    'kafka.properties': renderTemplate('kafka.properties', {
      PORT: place.ports.kafka, SASL_PORT: place.ports['kafka-sasl'], CONTROLLER_PORT: place.ports['kafka-controller'],
      DATA_FOLDER: dataFolder(place), USERNAME: LOCAL_USER.username, PASSWORD: LOCAL_USER.password,
    }),
  }),
  prepare: (place) => kafkaJava(place, ['-XX:TieredStopAtLevel=1'], 'kafka.tools.StorageTool', [
    'format', '--ignore-formatted', '-t', clusterId(), '-c', join(place.folder, 'kafka.properties'),
    '--add-scram', `SCRAM-SHA-256=[name=${LOCAL_USER.username},password=${LOCAL_USER.password}]`,
  ]),
  start: (place) => kafkaJava(
    place, ['-Xms64m', '-Xmx256m', '-XX:MaxDirectMemorySize=128m'], 'kafka.Kafka', [join(place.folder, 'kafka.properties')],
  ),
  probe: (ports) => probeKafka(ports.kafka),
}

function kafkaJava({ build, java }: ServerPlace, options: readonly string[], main: string, args: readonly string[]): Command {
  return {
    program: java,
    args: ['-XX:+UseSerialGC', '-XX:+ExitOnOutOfMemoryError', ...options, '-Dorg.slf4j.simpleLogger.showDateTime=true', '-cp', join(build, 'lib', '*'), main, ...args],
  }
}

/** A random id as Kafka writes one; it may not begin with a hyphen, which a command line would take for an option. */
function clusterId(): string {
  return randomBytes(16).toString('base64url').replace(/^-/, 'T')
}

/** Cassandra sizes its thread pools by the processors; with two, concurrent inserts into a vector index fail. */
const CASSANDRA_PROCESSOR_COUNT = 20

/**
 * Heaps of 256, 320 and 512 MiB with the serial and the G1 collector took the same processor time for the same load; this one with the
 * serial collector stays under 1 GiB of memory under it, and a smaller heap saves next to nothing of that.
 */
const CASSANDRA_HEAP_MAX = '320m'

const cassandra: ServerSpec = {
  build: cassandraBuild,
  java: { least: 17, most: 17 },
  configure: (place) => ({
    'cassandra.yaml': renderTemplate('cassandra.yaml', {
      PORT: place.ports.cassandra, STORAGE_PORT: place.ports['cassandra-storage'], DATA_FOLDER: dataFolder(place),
    }),
    'jvm.options': renderTemplate('cassandra-jvm.options', {}),
    'logback.xml': renderTemplate('cassandra-logback.xml', {}),
  }),
  start: (place) => ({
    program: place.java,
    args: [
      `@${join(place.folder, 'jvm.options')}`,
      '-Xms256m', `-Xmx${CASSANDRA_HEAP_MAX}`, '-XX:MaxDirectMemorySize=128m', '-XX:+ExitOnOutOfMemoryError',
      `-XX:ActiveProcessorCount=${CASSANDRA_PROCESSOR_COUNT}`,
      `-javaagent:${join(place.build, 'lib', 'jamm-0.4.0.jar')}`,
      `-Dlogback.configurationFile=${pathToFileURL(join(place.folder, 'logback.xml'))}`,
      `-Dcassandra.config=${pathToFileURL(join(place.folder, 'cassandra.yaml'))}`,
      `-Dcassandra.storagedir=${dataFolder(place)}`,
      `-Dcassandra.logdir=${place.folder}`,
      '-Dcassandra.ring_delay_ms=100',
      '-Dcassandra.skip_wait_for_gossip_to_settle=0',
      '-Dcassandra.superuser_setup_delay_ms=0',
      '-Dcassandra-foreground=yes',
      '-cp', join(place.build, 'lib', '*'),
      'org.apache.cassandra.service.CassandraDaemon',
    ],
  }),
  probe: (ports) => probeCassandra(ports.cassandra, CASSANDRA_USER),
}

const s3: ServerSpec = {
  build: minioBuild,
  configure: () => ({}),
  // A folder of its data is a bucket.
  prepare: (place) => ({ program: 'mkdir', args: ['-p', join(dataFolder(place), S3_BUCKET)] }),
  start: (place) => ({
    program: join(place.build, 'minio'),
    args: ['server', '--quiet', '--address', `${LOOPBACK}:${port(place)}`, dataFolder(place)],
    env: {
      MINIO_ROOT_USER: LOCAL_USER.username, MINIO_ROOT_PASSWORD: LOCAL_USER.password, MINIO_UPDATE: 'off', MINIO_BROWSER: 'off',
      GOMEMLIMIT: '200MiB',
    },
  }),
  probe: (ports) => probeS3(ports.s3),
}

const schemaRegistry: ServerSpec = {
  build: apicurioBuild,
  java: { least: 17 },
  configure: () => ({}),
  start: (place) => ({
    program: place.java,
    args: [
      // It is started more often than it works.
      '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-Xms64m', '-Xmx192m', '-XX:+ExitOnOutOfMemoryError',
      `-Dquarkus.http.host=${LOOPBACK}`, `-Dquarkus.http.port=${port(place)}`,
      `-Dquarkus.datasource.jdbc.url=jdbc:h2:file:${join(dataFolder(place), 'registry')};WRITE_DELAY=0`,
      '-jar', join(place.build, `apicurio-registry-app-${APICURIO_VERSION}-runner.jar`),
    ],
  }),
  probe: (ports) => probeSchemaRegistry(ports['schema-registry']),
}

function redis(name: ServerName, template: string): ServerSpec {
  return {
    build: redisBuild,
    configure: (place) => ({
      'redis.conf': [
        renderTemplate(template, {}),
        `# This server's own place.`,
        `bind ${LOOPBACK}`,
        `port ${port(place)}`,
        ...(isClusterNode(name) ? [`cluster-port ${busPort(place)}`] : []),
        `dir ${JSON.stringify(dataFolder(place))}`,
        `user ${LOCAL_USER.username} on >${LOCAL_USER.password} ~* &* +@all`,
        '',
      ].join('\n'),
    }),
    start: (place) => redisCommand(place, [join(place.folder, 'redis.conf')]),
    probe: (ports) => probeRedis(ports[name as PortName]),
  }
}

function redisCommand({ build }: ServerPlace, args: readonly string[]): Command {
  const unpacked = libraryFolders(build)
  if (unpacked.length === 0) return { program: join(build, 'redis-server'), args }
  return { program: join(build, 'usr', 'bin', 'redis-server'), args, env: { LD_LIBRARY_PATH: unpacked.join(':') } }
}

function busPort({ name, ports }: ServerPlace): number {
  return ports[name.replace('redis-cluster-', 'redis-cluster-bus-') as PortName]
}

export type ServerSpecs = Readonly<Record<ServerName, ServerSpec>>

export const SERVER_SPECS: ServerSpecs = {
  kafka,
  cassandra,
  s3,
  'redis': redis('redis', 'redis-state.conf'),
  'redis-jobs': redis('redis-jobs', 'redis-jobs.conf'),
  'redis-cache': redis('redis-cache', 'redis-cache.conf'),
  'redis-cluster-1': redis('redis-cluster-1', 'redis-cluster.conf'),
  'redis-cluster-2': redis('redis-cluster-2', 'redis-cluster.conf'),
  'redis-cluster-3': redis('redis-cluster-3', 'redis-cluster.conf'),
  'schema-registry': schemaRegistry,
}
