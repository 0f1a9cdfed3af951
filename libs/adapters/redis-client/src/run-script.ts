// Scripts by their hash, and by their text where the server does not know them: it forgets them when it restarts, and a new one never had them.

import { createHash } from 'node:crypto'
import { packCall, sendPacked } from './packed-command.ts'
import type { RedisClient } from './redis-connection.ts'
import type { ArgumentSink } from './resp-packer.ts'

export interface Script {
  readonly text: string
  readonly sha: string
}

export function scriptOf(text: string): Script {
  return { text, sha: createHash('sha1').update(text).digest('hex') }
}

/** What it returns, texts as strings. It runs once, or not at all where an error says that the server refused it. */
export function runScript(client: RedisClient, { text, sha }: Script, keys: readonly string[], args: readonly (string | Buffer)[]): Promise<unknown> {
  return runOnce(() => client.evalsha(sha, keys.length, ...keys, ...args), () => client.eval(text, keys.length, ...keys, ...args))
}

/** The same of a script with one key, texts as buffers. `fill` gives the arguments after it: twice the same ones, where it is asked twice. */
export function runPackedScript(client: RedisClient, { text, sha }: Script, key: string, fill: (to: ArgumentSink) => void): Promise<unknown> {
  const run = (command: string, script: string): Promise<unknown> => sendPacked(client, packCall(command, [script, '1', key], (to) => {
    to.text(script)
    to.text('1')
    to.text(key)
    fill(to)
  }))
  return runOnce(() => run('evalsha', sha), () => run('eval', text))
}

async function runOnce(byHash: () => Promise<unknown>, byText: () => Promise<unknown>): Promise<unknown> {
  try {
    return await byHash()
  } catch (error) {
    // Then it did nothing.
    if (!(error as Error).message.startsWith('NOSCRIPT')) throw error
    return byText()
  }
}
