// What `tidemark dev` says while it runs, and what it does not say again.
import { expect, it } from '@jest/globals'
import { TidemarkError, type ErrorCode } from '@tidemark/feature-schema/errors'
import type { DueEvent } from '@tidemark/pipelines/batch/run-due'
import { createOutput } from '../output.ts'
import { batchTeller } from './dev-report.ts'

it('says once that a gate stays closed for the same reason, by view, and again once there was another one or it was open', () => {
  const said: string[] = []
  const stream = { write: (text: string) => said.push(text) }
  const tell = batchTeller(createOutput(true, stream as never, stream as never, {}))
  let generation = 0
  const failed = (view: string, message: string, code: ErrorCode = 'GATE_CLOSED'): DueEvent => ({
    view, attempt: 1, kind: 'failed', retryAtMs: null, error: new TidemarkError([{ code, message, where: `view ${view}, generation ${++generation}`, action: 'Look.' }]),
  })
  const done = (view: string): DueEvent => ({ view, attempt: 1, kind: 'done', result: { kind: 'nothing-due', pointer: {} as never } })
  const saidOf = (...outcomes: readonly DueEvent[]): string[] => {
    said.length = 0
    outcomes.forEach(tell)
    return said.map((line) => (JSON.parse(line) as { view: string; problems: { message: string }[] })).map(({ view, problems }) => `${view} ${problems[0]!.message}`)
  }
  expect(saidOf(failed('a', '3 of 9'), failed('a', '3 of 9'), failed('b', '3 of 9'), failed('a', '3 of 9'))).toEqual(['a 3 of 9', 'b 3 of 9'])
  expect(saidOf(failed('a', '4 of 9'), failed('a', '3 of 9'), failed('a', '3 of 9'))).toEqual(['a 4 of 9', 'a 3 of 9'])
  expect(saidOf(done('a'), failed('a', '3 of 9'))).toEqual(['a 3 of 9'])
  expect(saidOf(failed('b', 'gone', 'OBJECT_MISSING'), failed('b', 'gone', 'OBJECT_MISSING'), failed('b', '3 of 9'))).toEqual(['b gone', 'b gone', 'b 3 of 9'])
})
