// Which process a pid meant: a pid is used again, but never with the same start time since the same boot. Linux only (/proc).
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

export interface ProcessIdentity {
  readonly pid: number
  /** Clock ticks from boot to the process's start: field 22 of /proc/PID/stat. */
  readonly startTicks: number
  readonly bootId: string
}

/** A processor's ticks per second in /proc: USER_HZ, which Linux keeps at 100 for every architecture that Node runs on. */
const TICKS_PER_SECOND = 100

/** Fields of /proc/PID/stat after the name; those of children are of the ones that have ended and were waited for. */
const FIELD = { state: 0, userTicks: 11, systemTicks: 12, childrenUserTicks: 13, childrenSystemTicks: 14, threadCount: 17, startTicks: 19 } as const

/** The identity of a process that runs; undefined when none has this pid, or only what is left of one that ended (a zombie). */
export function identifyProcess(pid: number): ProcessIdentity | undefined {
  const fields = readStat(`/proc/${pid}`)
  if (fields === undefined) return undefined
  // While other threads of a killed process still end, its first one is a zombie already, and its files and ports are still open.
  const isGone = fields[FIELD.state] === 'X' || (fields[FIELD.state] === 'Z' && Number(fields[FIELD.threadCount]) <= 1)
  return isGone ? undefined : { pid, startTicks: Number(fields[FIELD.startTicks]), bootId: bootId() }
}

export function isRunning(identity: ProcessIdentity): boolean {
  const found = identifyProcess(identity.pid)
  return found !== undefined && found.startTicks === identity.startTicks && found.bootId === identity.bootId
}

/** Sends the signal to that process and no other; false when it no longer runs. */
export function signalProcess(identity: ProcessIdentity, signal: NodeJS.Signals): boolean {
  if (!isRunning(identity)) return false
  try {
    return process.kill(identity.pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false
    throw error
  }
}

/** Whether the process is stopped (SIGSTOP), every thread of it. */
export function isPaused({ pid }: ProcessIdentity): boolean {
  const threads = listFolder(`/proc/${pid}/task`)
  return threads.length > 0 && threads.every((thread) => readStat(`/proc/${pid}/task/${thread}`)?.[FIELD.state] === 'T')
}

/** Memory of the process that is in RAM now. */
export function residentBytesOf({ pid }: Pick<ProcessIdentity, 'pid'>): number {
  return statusBytes(pid, 'VmRSS')
}

function statusBytes(pid: number, name: 'VmRSS' | 'VmHWM'): number {
  const kibibytes = new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(readProc(`/proc/${pid}/status`) ?? '')?.[1]
  return Number(kibibytes ?? 0) * 1024
}

/** What a process has used since it started, with the processes that it started: those that have ended count for their processor time. */
export interface ProcessUsage {
  readonly cpuMs: number
  readonly residentBytes: number
  /** The most that was in RAM. */
  readonly peakBytes: number
}

/** undefined when the process no longer runs. */
export function usageOf(identity: ProcessIdentity): ProcessUsage | undefined {
  return isRunning(identity) ? usageOfTree(identity.pid) : undefined
}

function usageOfTree(pid: number): ProcessUsage {
  const fields = readStat(`/proc/${pid}`) ?? []
  const ticks = [FIELD.userTicks, FIELD.systemTicks, FIELD.childrenUserTicks, FIELD.childrenSystemTicks].reduce((sum, field) => sum + Number(fields[field] ?? 0), 0)
  const own = { cpuMs: (ticks * 1_000) / TICKS_PER_SECOND, residentBytes: residentBytesOf({ pid }), peakBytes: statusBytes(pid, 'VmHWM') }
  return childrenOf(pid).map(usageOfTree).reduce((sum, { cpuMs, residentBytes, peakBytes }) =>
    ({ cpuMs: sum.cpuMs + cpuMs, residentBytes: sum.residentBytes + residentBytes, peakBytes: sum.peakBytes + peakBytes }), own)
}

function childrenOf(pid: number): number[] {
  return listFolder(`/proc/${pid}/task`).flatMap((thread) => (readProc(`/proc/${pid}/task/${thread}/children`) ?? '').trim().split(' ').filter(Boolean).map(Number))
}

/** When the process started, in epoch milliseconds, as exact as the kernel's ticks. */
export function startedAtMsOf({ startTicks }: ProcessIdentity): number {
  const bootSeconds = Number(/^btime (\d+)$/m.exec(readProc('/proc/stat') ?? '')?.[1] ?? 0)
  return bootSeconds * 1_000 + (startTicks * 1_000) / TICKS_PER_SECOND
}

/** Who listens on a TCP port of this machine, as "pid 123 (java -Xms128m …)"; undefined where the kernel does not tell us. */
export function describeListener(port: number): string | undefined {
  const inodes = new Set(['/proc/net/tcp', '/proc/net/tcp6'].flatMap((path) => listeningInodes(readProc(path) ?? '', port)))
  if (inodes.size === 0) return undefined
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    if (openSockets(pid).some((inode) => inodes.has(inode))) {
      const command = (readProc(`/proc/${pid}/cmdline`) ?? '').split('\0').join(' ').trim()
      return `pid ${pid} (${command.length > 80 ? `${command.slice(0, 79)}…` : command})`
    }
  }
  return undefined
}

/** Inodes of the sockets that listen on `port`, of the text of /proc/net/tcp. */
function listeningInodes(table: string, port: number): string[] {
  const stateListen = '0A'
  const hexPort = port.toString(16).toUpperCase().padStart(4, '0')
  return table.split('\n').flatMap((line) => {
    const fields = line.trim().split(/\s+/)
    return fields[1]?.endsWith(`:${hexPort}`) && fields[3] === stateListen ? [fields[9]!] : []
  })
}

function openSockets(pid: string): string[] {
  return listFolder(`/proc/${pid}/fd`).flatMap((fd) => {
    const inode = /^socket:\[(\d+)\]$/.exec(readLink(`/proc/${pid}/fd/${fd}`))?.[1]
    return inode === undefined ? [] : [inode]
  })
}

/** Nothing where the process ended meanwhile, or is another user's. */
function listFolder(path: string): string[] {
  try {
    return readdirSync(path)
  } catch {
    return []
  }
}

/** The fields of a stat file after the name, which stands in parentheses and may hold spaces and parentheses itself. */
function readStat(folder: string): string[] | undefined {
  const stat = readProc(`${folder}/stat`)
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ')
}

function readLink(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}

/** The text of a file of /proc; undefined when its process is gone, also between the opening and the reading. */
function readProc(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (['ENOENT', 'ESRCH', 'EACCES'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined
    throw error
  }
}

function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
}
