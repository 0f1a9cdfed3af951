// How each pinned server is made from what the registries hold: Kafka, Cassandra and Apicurio from Maven, MinIO from Go modules, Redis from
// Debian's packages. Nothing is installed in the system, and nothing needs root.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import type { BuildStep, CachedBuild } from './build-cache.ts'
import { unpackDebianPackages } from './debian-packages.ts'
import type { ToolName } from './machine-tools.ts'
import { runTool } from './run-tool.ts'
import { renderTemplate } from './template.ts'
import { APICURIO_VERSION, CASSANDRA_VERSION, KAFKA_VERSION, MINIO_VERSION, REDIS_VERSION } from './versions.ts'

export interface PinnedBuild extends CachedBuild {
  /** The tools that make it, beside the Java that runs it. */
  readonly tools: readonly ToolName[]
  /** How long making it takes from nothing, for who waits. */
  readonly expected: string
}

const DEPENDENCY_PLUGIN = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1'

/** Leaves the jars in lib/. */
export const kafkaBuild: PinnedBuild = {
  name: 'kafka', version: KAFKA_VERSION, tools: ['mvn'], expected: 'some 15 s',
  build: (step) => copyJars(step, renderTemplate('kafka-pom.xml', { KAFKA_VERSION })),
}

/** Leaves the jars in lib/. */
export const cassandraBuild: PinnedBuild = {
  name: 'cassandra', version: CASSANDRA_VERSION, tools: ['mvn'], expected: 'some 30 s',
  build: (step) => copyJars(step, renderTemplate('cassandra-pom.xml', { CASSANDRA_VERSION })),
}

/** Leaves a runner's jar, and what it runs in lib/. */
export const apicurioBuild: PinnedBuild = {
  name: 'apicurio', version: APICURIO_VERSION, tools: ['mvn'], expected: 'some 20 s',
  build: async ({ folder, logPath, signal }) => {
    const artifact = `io.apicurio:apicurio-registry-app:${APICURIO_VERSION}:tar.gz:all`
    await runTool({ program: 'mvn', args: ['-B', '-ntp', `${DEPENDENCY_PLUGIN}:unpack`, `-Dartifact=${artifact}`, `-DoutputDirectory=${folder}`], cwd: folder, logPath, signal })
  },
}

/** Leaves the program `minio`. */
export const minioBuild: PinnedBuild = {
  name: 'minio', version: MINIO_VERSION, tools: ['go'], expected: 'some 5 minutes and 2 GB of Go modules',
  build: ({ folder, logPath, signal }) => runTool({
    program: 'go', args: ['install', '-ldflags=-s -w', `github.com/minio/minio@${MINIO_VERSION}`],
    cwd: folder, env: { GOBIN: folder, CGO_ENABLED: '0' }, logPath, signal,
  }),
}

/** Leaves a Debian file tree: usr/bin/redis-server, and the libraries that not every machine has under usr/lib. */
export const redisBuild: PinnedBuild = {
  name: 'redis', version: REDIS_VERSION, tools: ['apt-get', 'dpkg-deb'], expected: 'some 15 s',
  build: (step) => unpackDebianPackages(step, {
    pinned: ['redis-server', 'redis-tools'], version: REDIS_VERSION, others: redisLibraries,
    instead: `Put a redis-server of version ${REDIS_VERSION} on PATH: it is then used as it is. Debian 12 has it.`,
  }),
}

const redisLibraries = ['libatomic1', 'libjemalloc2', 'liblzf1']

async function copyJars({ folder, logPath, signal }: BuildStep, pom: string): Promise<void> {
  const pomPath = join(folder, 'pom.xml')
  await writeFile(pomPath, pom)
  const args = ['-B', '-ntp', '-f', pomPath, `${DEPENDENCY_PLUGIN}:copy-dependencies`, '-DincludeScope=runtime', `-DoutputDirectory=${join(folder, 'lib')}`]
  await runTool({ program: 'mvn', args, cwd: folder, logPath, signal })
}

/** The folder on PATH whose redis-server has exactly the pinned version; undefined where there is none. */
export function redisOnPath(env: NodeJS.ProcessEnv = process.env): string | undefined {
  return (env['PATH'] ?? '').split(delimiter).find((folder) => folder !== '' && isPinnedRedis(join(folder, 'redis-server')))
}

function isPinnedRedis(program: string): boolean {
  if (!existsSync(program)) return false
  const { stdout } = spawnSync(program, ['--version'], { encoding: 'utf8' })
  return /\bv=(\S+)/.exec(stdout ?? '')?.[1] === REDIS_VERSION
}

/** The folders of shared libraries in an unpacked Debian file tree. */
export function libraryFolders(tree: string): string[] {
  const lib = join(tree, 'usr', 'lib')
  return existsSync(lib) ? readdirSync(lib).filter((name) => name.includes('-linux-')).map((name) => join(lib, name)) : []
}
