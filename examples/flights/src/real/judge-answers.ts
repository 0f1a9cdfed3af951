// Holds all answers of a run to the oracle: those of the stream at their cuts and fences, those at rest to all of the log. A value that was UNAVAILABLE, and
// said so, is no answer that could be wrong: such ones are counted apart.
import type { DuckDbSession } from '@tidemark/adapter-duckdb/duckdb-session'
import { arrivalsTable } from '../arrivals.ts'
import { compareWithOracle, type Answers } from '../oracle/compare-answers.ts'
import { newComparison, type Comparison } from '../oracle/comparison.ts'
import { flightsAtPosition, flightsInLog, loadLoggedFlights, LOGGED_TABLE } from '../oracle/logged-flights.ts'
import type { LogAccount } from './log-account.ts'

export interface Judgement {
  readonly comparison: Comparison
  /** Views' answers about an entity, with values that were UNAVAILABLE. */
  readonly unavailableCount: number
}

export interface JudgedRun {
  readonly account: LogAccount
  readonly epochLengthMs: number
  readonly underway: Answers
  readonly atRest: Answers
  readonly onProgress: (what: string) => void
}

/** To be called once: the session's arrivals make room for what is known of the log. */
export async function judgeAnswers(session: DuckDbSession, { account, epochLengthMs, underway, atRest, onProgress }: JudgedRun): Promise<Judgement> {
  onProgress('where each flight is in the log')
  await account.load(session, LOGGED_TABLE)
  await loadLoggedFlights(session, epochLengthMs)
  await session.run(`DROP TABLE ${session.schema}.${LOGGED_TABLE}`)
  await session.run(`DROP TABLE ${arrivalsTable(session)}`)
  const [streamed, rested] = [withoutUnavailable(underway), withoutUnavailable(atRest)]
  const comparison = newComparison()
  const onView = (when: string) => (view: string, count: number): void => onProgress(`${view}, ${count} answers ${when}`)
  await compareWithOracle(session, flightsAtPosition(session, account.partitionCount), streamed.answers, comparison, onView('while flights streamed'))
  await compareWithOracle(session, flightsInLog(session), rested.answers, comparison, onView('at rest'))
  return { comparison, unavailableCount: streamed.unavailableCount + rested.unavailableCount }
}

function withoutUnavailable(all: Answers): { readonly answers: Answers; readonly unavailableCount: number } {
  let unavailableCount = 0
  const answers = new Map([...all].map(([plan, recorded]) => {
    const whole = recorded.filter(({ values }) => values.every(({ status }) => status !== 'UNAVAILABLE'))
    unavailableCount += recorded.length - whole.length
    return [plan, whole]
  }))
  return { answers, unavailableCount }
}
