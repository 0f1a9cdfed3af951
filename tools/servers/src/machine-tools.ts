// What a machine must have already: the tools that build servers, and the Java that runs two of them. All that is missing is said
// at once, each with who needs it and what to do.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { ServersError } from './servers-error.ts'

export type ToolName = 'java' | 'mvn' | 'go' | 'apt-get' | 'dpkg-deb'

export interface ToolNeed {
  readonly tool: ToolName
  /** What needs it, as people say it: "kafka 4.1.2". */
  readonly neededBy: string
  /** The least and the greatest version's first number that will do. */
  readonly least?: number
  readonly most?: number
}

/** What looking for a tool finds: its version's first number (0 where none can be read), undefined where there is no such tool. */
export type FindTool = (tool: ToolName) => number | undefined

const LOOK_LIMIT_MS = 20_000

const looks: Record<ToolName, { args: string[]; version: RegExp; get: string }> = {
  'java': { args: ['-version'], version: /version "(\d+)/, get: 'Install a JDK or JRE (Debian: openjdk-17-jre-headless) and put it on PATH, or set JAVA_HOME.' },
  'mvn': { args: ['--version'], version: /Apache Maven (\d+)/, get: 'Install Maven (Debian: maven) and put it on PATH.' },
  'go': { args: ['version'], version: /go version go(\d+)/, get: 'Install Go 1.24 or newer and put it on PATH.' },
  'apt-get': { args: ['--version'], version: /^apt (\d+)/, get: 'Use Debian or Ubuntu, or put a redis-server and redis-cli of the pinned version on PATH.' },
  'dpkg-deb': { args: ['--version'], version: /version (\d+)/, get: 'Use Debian or Ubuntu, or put a redis-server and redis-cli of the pinned version on PATH.' },
}

/** The program to start Java with: that of JAVA_HOME, else the one on PATH. */
export function javaProgram(env: NodeJS.ProcessEnv = process.env): string {
  return env['JAVA_HOME'] === undefined || env['JAVA_HOME'] === '' ? 'java' : join(env['JAVA_HOME'], 'bin', 'java')
}

export const findTool: FindTool = (tool) => {
  const program = tool === 'java' ? javaProgram() : tool
  const { status, stdout, stderr } = spawnSync(program, looks[tool].args, { encoding: 'utf8', timeout: LOOK_LIMIT_MS })
  if (status !== 0) return undefined
  return Number(looks[tool].version.exec(`${stdout}${stderr}`.replaceAll(/\u001b\[[\d;]*m/g, ''))?.[1] ?? 0)
}

/** Throws one error that names everything missing; returns when there is nothing. */
export function demandTools(needs: readonly ToolNeed[], find: FindTool = findTool): void {
  const found = new Map([...new Set(needs.map(({ tool }) => tool))].map((tool) => [tool, find(tool)]))
  const faults = needs.flatMap((need) => {
    const fault = faultOf(need, found.get(need.tool))
    return fault === undefined ? [] : [{ ...need, fault }]
  })
  if (faults.length === 0) return
  const lines = [...Map.groupBy(faults, ({ tool, fault }) => `${tool} ${fault}`)].flatMap(([what, needers]) => [
    `  ${what}`,
    `    needed by  ${needers.map(({ neededBy }) => neededBy).join(', ')}`,
    `    do         ${looks[needers[0]!.tool].get}`,
  ])
  throw new ServersError(['Tools are missing on this machine:', ...lines].join('\n'))
}

function faultOf({ least = 0, most = Infinity }: ToolNeed, version: number | undefined): string | undefined {
  if (version === undefined) return 'is not there, or does not run'
  if (version >= least && version <= most) return undefined
  return `has version ${version}, and ${most === least ? `${least}` : `${least} or newer`} is asked for`
}
