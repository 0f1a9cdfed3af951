import { availableParallelism, cpus, release, totalmem, type } from 'node:os'
import type { Machine } from './benchmark.ts'

/** The machine that this runs on, as a report tells it. */
export function describeMachine(): Machine {
  return {
    processor: cpus()[0]?.model ?? 'unknown',
    coreCount: availableParallelism(),
    memoryMiB: Math.round(totalmem() / 2 ** 20),
    system: `${type()} ${release()}`,
    node: process.versions.node,
  }
}
