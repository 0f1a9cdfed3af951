// What is told of a fault of the program: enough to find it, and nothing that a client of a server had hung on it.
import { expect, it } from '@jest/globals'
import { Metrics } from '@tidemark/observability/metrics'
import { createServiceLog, logFailure } from './service-log.ts'

it('a fault is told with its stack and its causes, without what else the error carries', () => {
  const lines: string[] = []
  const log = createServiceLog({ service: 'small', level: 'trace', metrics: new Metrics(), destination: { write: (line) => void lines.push(line) } })
  // As a client of Redis has it.
  const refused = Object.assign(new Error('NOPERM'), { command: { name: 'auth', args: ['user', 'a-secret-that-nobody-may-read'] } })
  logFailure(log, 'error', Object.assign(new Error('it failed', { cause: refused }), { options: { password: 'a-secret-that-nobody-may-read' } }))
  logFailure(log, 'error', 'a-text')
  expect(lines.join('')).not.toContain('a-secret')
  expect(JSON.parse(lines[0]!)).toMatchObject({ level: 'error', msg: 'a fault of this program', err: { type: 'Error', message: 'it failed: NOPERM', stack: expect.stringMatching(/it failed[^]*service-log\.test[^]*caused by[^]*NOPERM/) } })
  expect(JSON.parse(lines[1]!)).toMatchObject({ err: 'a-text' })
})
