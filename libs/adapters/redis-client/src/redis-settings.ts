// What a Redis that keeps state or jobs has to be set to, looked at before it is used: nothing may be evicted. What is on the disk is told,
// not asked for: speed views are computed anew from the log.

import { TidemarkError, type Problem } from '@tidemark/feature-schema/errors'
import { Redis } from 'ioredis'
import type { RedisConnection } from './redis-connection.ts'

/** null: the server does not tell. */
export interface RedisSettings {
  readonly memoryPolicy: string | null
  /** Whether it appends each write to a file. */
  readonly isAppending: boolean | null
  /** `always`, `everysec` or `no`. */
  readonly appendSync: string | null
}

const POLICY = 'noeviction'

/** Looks at each server of the connection. STORE_SETTINGS where one may evict; what else is worth telling is given back. */
export async function checkRedisSettings(connection: RedisConnection): Promise<Problem[]> {
  const told: Problem[] = []
  const wrong: Problem[] = []
  for (const { node, where, isReplica } of serversOf(connection)) {
    const settings = await connection.read(`settings of ${where}`, () => readSettings(node)).catch((error: unknown) => {
      // A replica that is away need not keep anybody waiting.
      if (isReplica && error instanceof TidemarkError && error.code === 'STORE_UNAVAILABLE') return null
      throw error
    })
    if (settings === null) continue
    const problem = policyProblem(settings, where)
    if (problem !== null) wrong.push(problem)
    told.push(...persistenceProblems(settings, where))
  }
  if (wrong.length > 0) throw new TidemarkError(wrong as [Problem, ...Problem[]])
  return told
}

/** Of a server that is to evict what is not asked for: those that would refuse what is new instead. What cannot be read is no reason to do without. */
export async function lookAtEviction(connection: RedisConnection): Promise<Problem[]> {
  const looked = await Promise.all(serversOf(connection).map(async ({ node, where }) => {
    const settings = await connection.read(`settings of ${where}`, () => readSettings(node)).catch(() => null)
    return settings?.memoryPolicy === POLICY ? [evictsNothing(where)] : []
  }))
  return looked.flat()
}

function evictsNothing(where: string): Problem {
  return {
    code: 'STORE_SETTINGS', where, message: `It evicts nothing (maxmemory-policy is ${POLICY}): once its memory is full, it keeps nothing that is new.`,
    action: 'Run `redis-cli CONFIG SET maxmemory-policy allkeys-lru` there, give it a maxmemory, and put both into its redis.conf; what must not be evicted belongs on a server of its own.',
  }
}

/** null: it is as it has to be. */
export function policyProblem({ memoryPolicy }: RedisSettings, where: string): Problem | null {
  if (memoryPolicy === POLICY) return null
  const message = memoryPolicy === null
    ? 'It does not say what it does when its memory is full: both CONFIG GET and INFO are forbidden.'
    : `It evicts what it holds when its memory is full (maxmemory-policy is ${memoryPolicy}).`
  const action = memoryPolicy === null
    ? `Allow INFO to this user (ACL SETUSER … +info), and see that maxmemory-policy is ${POLICY}.`
    : `Run \`redis-cli CONFIG SET maxmemory-policy ${POLICY}\` there and put \`maxmemory-policy ${POLICY}\` into its redis.conf; what may be evicted belongs on a server of its own.`
  return { code: 'STORE_SETTINGS', message, where, action }
}

/** What of its settings costs work after it was restarted. */
export function persistenceProblems({ isAppending, appendSync }: RedisSettings, where: string): Problem[] {
  if (isAppending === false) {
    return [{ code: 'STORE_SETTINGS', where, message: 'It keeps no append-only file: what it holds is lost when it restarts.', action: 'Run `redis-cli CONFIG SET appendonly yes` there and put `appendonly yes` into its redis.conf.' }]
  }
  if (appendSync === 'no') {
    return [{ code: 'STORE_SETTINGS', where, message: 'It leaves it to the system when its append-only file is on the disk (appendfsync is no): half a minute of writes can be lost.', action: 'Run `redis-cli CONFIG SET appendfsync everysec` there and put `appendfsync everysec` into its redis.conf.' }]
  }
  return []
}

interface Server {
  readonly node: Redis
  readonly where: string
  readonly isReplica: boolean
}

function serversOf({ client, name }: RedisConnection): Server[] {
  if (client instanceof Redis) return [{ node: client, where: name, isReplica: false }]
  const ofRole = (role: 'master' | 'slave'): Server[] => client.nodes(role).map((node) => ({ node, where: `redis ${node.options.host}:${node.options.port}`, isReplica: role === 'slave' }))
  return [...ofRole('master'), ...ofRole('slave')]
}

async function readSettings(node: Redis): Promise<RedisSettings> {
  const memoryPolicy = await readConfig(node, 'maxmemory-policy')
  if (memoryPolicy !== null) return { memoryPolicy, isAppending: (await readConfig(node, 'appendonly')) === 'yes', appendSync: await readConfig(node, 'appendfsync') }
  return settingsOfInfo(`${await unlessForbidden(() => node.info('memory')) ?? ''}\r\n${await unlessForbidden(() => node.info('persistence')) ?? ''}`)
}

/** Of what INFO says; when the append-only file is synced is not in it. */
export function settingsOfInfo(info: string): RedisSettings {
  const valueOf = (name: string): string | null => new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1] ?? null
  const appending = valueOf('aof_enabled')
  return { memoryPolicy: valueOf('maxmemory_policy'), isAppending: appending === null ? null : appending === '1', appendSync: null }
}

async function readConfig(node: Redis, name: string): Promise<string | null> {
  const entry = (await unlessForbidden(() => node.config('GET', name))) as string[] | null
  return entry?.[1] ?? null
}

/** null: the command is renamed, or an ACL forbids it. */
async function unlessForbidden<T>(action: () => Promise<T>): Promise<T | null> {
  try {
    return await action()
  } catch (error) {
    if (/^(NOPERM|ERR unknown command)/.test((error as Error).message)) return null
    throw error
  }
}
