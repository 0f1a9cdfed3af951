// Scripts by their hash, and by their text where the server does not know them: it forgets them when it restarts, and a new one never had them.

import { createHash } from 'node:crypto'
import type { RedisClient } from './redis-connection.ts'

export interface Script {
  readonly text: string
  readonly sha: string
}

export function scriptOf(text: string): Script {
  return { text, sha: createHash('sha1').update(text).digest('hex') }
}

/** What it returns, texts as strings. It runs once, or not at all where an error says that the server refused it. */
export async function runScript(client: RedisClient, { text, sha }: Script, keys: readonly string[], args: readonly (string | Buffer)[]): Promise<unknown> {
  try {
    return await client.evalsha(sha, keys.length, ...keys, ...args)
  } catch (error) {
    // Then it did nothing.
    if (!(error as Error).message.startsWith('NOSCRIPT')) throw error
    return client.eval(text, keys.length, ...keys, ...args)
  }
}
