// npm run simulate -- [--seeds N] [--from SEED] [--bug NAME | --bug all]
// Without a bug, no history may go wrong; with one, some history must. Exit code 1 where it is otherwise.

import { parseArgs } from 'node:util'
import { BUGS } from './bugs.ts'
import { emptyTally, type Tally } from './history.ts'
import { describeFailure, findFailure } from './search.ts'

const PROGRESS_EVERY_COUNT = 100

const { values } = parseArgs({
  options: { seeds: { type: 'string', default: '300' }, from: { type: 'string', default: '1' }, bug: { type: 'string', default: 'none' } },
})
const [from, count] = [Number(values.from), Number(values.seeds)]
if (!Number.isSafeInteger(from) || !Number.isSafeInteger(count) || count < 1) throw new Error('--seeds and --from are whole numbers.')

if (values.bug === 'none') await searchClean()
else await searchBugs(values.bug === 'all' ? Object.keys(BUGS) : [values.bug])

async function searchClean(): Promise<void> {
  const [tally, startedAtMs] = [emptyTally(), performance.now()]
  const failure = await findFailure({
    from, count, bug: 'none', tally,
    onHistory: (seed) => {
      if ((seed - from + 1) % PROGRESS_EVERY_COUNT === 0) console.log(`${seed - from + 1} histories, ${describeTally(tally)}`)
    },
  })
  if (failure === null) return console.log(`ok: ${count} histories in ${((performance.now() - startedAtMs) / 1_000).toFixed(0)} s, ${describeTally(tally)}`)
  console.log(describeFailure(failure))
  process.exitCode = 1
}

async function searchBugs(bugs: readonly string[]): Promise<void> {
  for (const bug of bugs) {
    const failure = await findFailure({ from, count, bug })
    if (failure === null) process.exitCode = 1
    console.log(`${failure === null ? 'FAIL' : 'ok  '} ${bug.padEnd(30)} ${failure === null ? `no wrong answer in ${count} histories` : `seed ${failure.seed}, turn ${failure.turn}: ${failure.wrong.split('\n')[0]!}`}`)
    if (failure !== null && bugs.length === 1) console.log(describeFailure(failure, bug))
  }
}

function describeTally({ turnCount, judgedCount, recordCount, simulatedMs, stoppedCount }: Tally): string {
  return `${turnCount} turns, ${recordCount} records, ${judgedCount} answers judged, ${(simulatedMs / 86_400_000).toFixed(0)} simulated days, ${stoppedCount} stopped at a broken log`
}
