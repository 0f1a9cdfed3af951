// A process that is the whole system on a folder, with HTTP to send events and to ask, until it is killed. It loads everything first, says so,
// and begins when it is told to; so the next one is ready when one is killed.
//
//   in    one line of JSON, `Begin`
//   out   lines of JSON, `Said`

import { once } from 'node:events'
import { writeSync } from 'node:fs'
import { flushCompileCache } from 'node:module'
import { openEmbeddedPorts } from '@tidemark/embedded-system/embedded-ports'
import { claimMember } from '@tidemark/embedded-system/claim-member'
import { LambdaSystem } from '@tidemark/pipelines/lambda/lambda-system'
import { addEventRoutes } from '@tidemark/serving-http/event-routes'
import { listen } from '@tidemark/machine/http-listener'
import { createServingApp } from '@tidemark/serving-http/serving-app'
import { definitions, PARTITION_COUNT } from './fault-definitions.ts'
import { createFastClock } from './fast-clock.ts'
import { watchPorts, type CallName } from './watched-ports.ts'

export interface Begin {
  readonly folder: string
  readonly clockBeganAtMs: number
  readonly verify: boolean
  /** It kills itself there; null: it does not. */
  readonly die: { readonly call: CallName; readonly when: 'before' | 'after' } | null
}

export type Said =
  | { readonly said: 'loaded' }
  | { readonly said: 'ready'; readonly url: string }
  | { readonly said: 'published'; readonly view: string; readonly n: number }
  | { readonly said: 'failed'; readonly text: string }
  /** It kills itself, in the call that it was told. */
  | { readonly said: 'dies'; readonly call: CallName }

/** Written before it goes on, so that it is said though it is killed the next moment. */
const say = (said: Said): void => void writeSync(1, `${JSON.stringify(said)}\n`)

// A process that is killed writes nothing at its end, and the next one would compile everything again.
flushCompileCache()
say({ said: 'loaded' })
const [line] = (await once(process.stdin, 'data')) as [Buffer]
const { folder, clockBeganAtMs, verify, die } = JSON.parse(line.toString()) as Begin

const ports = watchPorts(await openEmbeddedPorts({ folder, clock: createFastClock(clockBeganAtMs), verify, durability: 'process' }), (call, when) => {
  if (die === null || die.call !== call || die.when !== when) return
  say({ said: 'dies', call })
  process.kill(process.pid, 'SIGKILL')
})
const system = await LambdaSystem.start({
  ports, definitions, member: await claimMember(ports.registers, 'member'), partitionCount: PARTITION_COUNT,
  // What is rejected must not keep generations from being made.
  batch: { gate: { rejectedShareMax: 1, isEmptyAllowed: true } },
  onAlarm: (alarm) => say({ said: 'failed', text: JSON.stringify(alarm) }),
  onBatch(outcome) {
    if (outcome.kind === 'failed' && outcome.error.code !== 'POINTER_MOVED') say({ said: 'failed', text: outcome.error.message })
    if (outcome.kind === 'done' && outcome.result.kind === 'published') say({ said: 'published', view: outcome.view, n: outcome.result.n })
  },
})
const catalog = (): ReturnType<LambdaSystem['catalog']> => system.catalog()
const app = createServingApp({
  server: system.server, catalog, onError: (error) => say({ said: 'failed', text: String(error) }),
  extend: (express, fail) => addEventRoutes(express, fail, { log: ports.log, isAllJson: true, catalog }),
})
const { url } = await listen(app, { host: '127.0.0.1', port: 0 })
say({ said: 'ready', url })
await Promise.all([...system.sources.values()].map((pipeline) => pipeline.run(new AbortController().signal))).catch((error: unknown) => {
  say({ said: 'failed', text: String(error) })
  process.exit(1)
})
