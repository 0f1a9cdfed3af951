// The demo on servers beside the embedded one: the same flights, definitions and kinds of questions, one after the other, each in a process of its own,
// so that memory and processor time are its alone. Where the CPU is: of each process, for each flight, in each phase.

import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { TOGETHER, usPerFlight, type DemoFigures, type ProcessCost } from '@tidemark/example-flights/demo-figures'
import type { Benchmark, BenchmarkOutcome, Figure } from './benchmark.ts'
import { compare, figureOf } from './measure.ts'

const EMBEDDED = 'the embedded demo'
/** What the embedded demo has no phase for is held against the one that it is a part of. */
const PHASE_OF_EMBEDDED: Readonly<Record<string, string>> = { 'the rush': 'June' }

export const benchmark: Benchmark = {
  question: 'On real servers, how fast is each layer, how soon are answers, and which process has the CPU, beside the whole system in one process?',
  run,
}

async function run(): Promise<BenchmarkOutcome> {
  const embedded = await runDemo('embedded')
  const real = await runDemo('real')
  const phases = real.costs.filter(({ process }) => process === TOGETHER).map(({ phase, flightCount }) => `${phase} ${flightCount}`)
  return {
    input: `npm run demo, and npm run demo -- --real, once each, every answer held to the oracle; flights by phase: ${phases.join(', ')}; all processes on this machine; ` +
      'the embedded demo asks by a call and has one process; the real one asks over HTTP at a steady rate, and "this process" is what appends its flights and asks',
    figures: figuresOf(embedded, real),
  }
}

/** Throws where the demo failed or anything was not right, which it has said. */
async function runDemo(which: 'embedded' | 'real'): Promise<DemoFigures> {
  const demo = fork(fileURLToPath(import.meta.resolve('@tidemark/example-flights/demo')), which === 'real' ? ['--real'] : [])
  const told: DemoFigures[] = []
  demo.on('message', (figures) => told.push(figures as DemoFigures))
  const [exitCode, signal] = (await once(demo, 'close')) as [number | null, NodeJS.Signals | null]
  if (exitCode !== 0) throw new Error(`The ${which} demo ended with ${exitCode ?? signal}, expected 0; it has said why.`)
  return told[0]!
}

/** What the real demo measured beside the embedded one; of its processes, each beside all of them. */
export function figuresOf(embedded: DemoFigures, real: DemoFigures): Figure[] {
  const beside = (name: string, unit: string, of: (figures: DemoFigures) => number): Figure => compare(figureOf(name, unit, [of(real)]), { name: EMBEDDED, value: of(embedded) })
  return [
    beside('into the log', 'flights/s', ({ rates }) => rates.log),
    beside('into the archive', 'flights/s', ({ rates }) => rates.archive),
    beside('generation 1', 'flights/s', ({ rates }) => rates.firstGeneration),
    beside('through the stream', 'flights/s', ({ rates }) => rates.stream),
    beside('answers while flights stream, p50', 'ms', ({ latencies }) => latencies.whileStreaming.p50Ms),
    beside('answers while flights stream, p99', 'ms', ({ latencies }) => latencies.whileStreaming.p99Ms),
    beside('answers at rest, p50', 'ms', ({ latencies }) => latencies.atRest.p50Ms),
    beside('answers at rest, p99', 'ms', ({ latencies }) => latencies.atRest.p99Ms),
    ...real.costs.map((cost) => cost.process === TOGETHER ? costOfAll(cost, embedded) : shareOf(cost, real)),
    beside('peak memory of all processes', 'MiB', ({ peakBytes }) => peakBytes / 2 ** 20),
    beside('the whole demo', 's', ({ seconds }) => seconds),
    beside('values compared with the oracle', 'values', ({ comparedCount }) => comparedCount),
    figureOf('values that differ, in either demo', 'values', [embedded.differingCount + real.differingCount]),
  ]
}

function costOfAll(cost: ProcessCost, embedded: DemoFigures): Figure {
  const phase = PHASE_OF_EMBEDDED[cost.phase] ?? cost.phase
  return compare(costFigure('all processes', cost), { name: `${EMBEDDED}, ${phase}`, value: usPerFlight(togetherIn(embedded, phase)) })
}

function shareOf(cost: ProcessCost, real: DemoFigures): Figure {
  return compare(costFigure(cost.process, cost), { name: 'all processes', value: usPerFlight(togetherIn(real, cost.phase)) })
}

function costFigure(who: string, cost: ProcessCost): Figure {
  return figureOf(`CPU of ${who}, ${cost.phase}`, 'µs/flight', [usPerFlight(cost)])
}

function togetherIn({ costs }: DemoFigures, phase: string): ProcessCost {
  const cost = costs.find((each) => each.process === TOGETHER && each.phase === phase)
  if (cost === undefined) throw new Error(`The demo has no phase "${phase}" to compare with.`)
  return cost
}
