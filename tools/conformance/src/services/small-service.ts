// The child of service-life.test.ts: a service that needs no server, and does what SMALL_SERVICE says.

import { setTimeout as sleep } from 'node:timers/promises'
import { TidemarkError } from '@tidemark/feature-schema/errors'
import { adminSettings } from '@tidemark/service-kit/admin-settings'
import { commonSettings } from '@tidemark/service-kit/common-settings'
import { traceSettings } from '@tidemark/service-kit/trace-settings'
import { untilAnswered } from '@tidemark/service-kit/open-servers'
import { runService } from '@tidemark/service-kit/run-service'

const away = new TidemarkError([{ code: 'STORE_UNAVAILABLE', message: 'It is away.', where: 'a server', action: 'Wait.' }])
const untilAborted = (signal: AbortSignal): Promise<void> => new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))

await runService({
  name: 'small', settings: { common: commonSettings, admin: adminSettings(0), traces: traceSettings },
  compose: async (_settings, context) => {
    const does = process.env['SMALL_SERVICE']
    if (does === 'waits') await untilAnswered('a server', () => Promise.reject(away), context)
    if (does === 'waits for an answer') await untilAnswered('a server', () => sleep(60_000), context)
    if (does === 'throws') setTimeout(() => { throw new Error('a bug, later') })
    if (does === 'talks') for (let i = 0; i < 20_000; i++) context.log.info({ i, about: 'x'.repeat(100) }, 'a line')
    return {
      isReady: { answer: 42 },
      loops: [async (signal) => {
        if (does === 'fails') throw new Error('a bug')
        if (does === 'is refused') throw new TidemarkError([{ code: 'STORE_REFUSED', message: 'No.', where: 'a server', action: 'Ask.' }])
        await untilAborted(signal)
        if (does === 'never drains') await sleep(60_000)
      }],
      [Symbol.asyncDispose]: () => {
        context.log.info('closed')
        return Promise.resolve()
      },
    }
  },
})
