// What a process uses of its machine: processor, memory, and how free its event loop is.

import { readdirSync } from 'node:fs'
import { totalmem } from 'node:os'
import { constants, monitorEventLoopDelay, performance, PerformanceObserver } from 'node:perf_hooks'
import type { Counter, Metrics } from '@tidemark/observability/metrics'

/** Of the event loop's delay: a finer one wakes an idle process more often. */
const DELAY_RESOLUTION_MS = 20
const DELAY_SPAN_MS = 60_000
const FOLDER_OF_OPEN_FILES = '/proc/self/fd'

const GC_KINDS: Readonly<Record<number, string>> = {
  [constants.NODE_PERFORMANCE_GC_MINOR]: 'minor',
  [constants.NODE_PERFORMANCE_GC_MAJOR]: 'major',
  [constants.NODE_PERFORMANCE_GC_INCREMENTAL]: 'incremental',
  [constants.NODE_PERFORMANCE_GC_WEAKCB]: 'weak callbacks',
}

/** Tells them whenever metrics are read, until it is disposed. */
export function observeProcess(metrics: Metrics): Disposable {
  const collections = observeCollections(metrics)
  const delay = new LoopDelay()
  const forget = metrics.whenRead((tell) => {
    const { user, system } = process.cpuUsage()
    const { rss, heapUsed, external } = process.memoryUsage()
    tell('tidemark_process_start_time_seconds', {}, performance.timeOrigin / 1_000)
    tell('tidemark_process_cpu_seconds_total', { mode: 'user' }, user / 1e6)
    tell('tidemark_process_cpu_seconds_total', { mode: 'system' }, system / 1e6)
    tell('tidemark_process_resident_memory_bytes', {}, rss)
    tell('tidemark_process_memory_limit_bytes', {}, memoryLimitBytes())
    tell('tidemark_process_heap_used_bytes', {}, heapUsed)
    tell('tidemark_process_external_memory_bytes', {}, external)
    tell('tidemark_process_open_files', {}, openFileCount())
    tell('tidemark_event_loop_busy_seconds_total', {}, performance.eventLoopUtilization().active / 1_000)
    for (const [quantile, seconds] of delay.read()) tell('tidemark_event_loop_delay_seconds', { quantile }, seconds)
  })
  return {
    [Symbol.dispose]: () => {
      forget()
      collections.disconnect()
      delay.stop()
    },
  }
}

function observeCollections(metrics: Metrics): PerformanceObserver {
  const seconds = new Map<string, Counter>(Object.values(GC_KINDS).map((kind) => [kind, metrics.counter('tidemark_gc_seconds_total', { kind })]))
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      const { duration, detail: { kind } } = entry as typeof entry & { readonly detail: { readonly kind: number } }
      const counter = seconds.get(GC_KINDS[kind] ?? '')
      if (counter !== undefined) counter.value += duration / 1_000
    }
  })
  observer.observe({ entryTypes: ['gc'] })
  return observer
}

/** Begins anew once it is read after a minute, so that what was long ago is not told for ever. */
class LoopDelay {
  private readonly histogram = monitorEventLoopDelay({ resolution: DELAY_RESOLUTION_MS })
  private fromMs = performance.now()

  constructor() {
    this.histogram.enable()
  }

  read(): [quantile: string, seconds: number][] {
    const { histogram } = this
    // What it measures are whole intervals.
    const secondsAt = (percentile: number): number => Math.max(0, histogram.percentile(percentile) / 1e9 - DELAY_RESOLUTION_MS / 1_000)
    const read: [string, number][] = histogram.count === 0 ? [] : [['0.5', secondsAt(50)], ['0.99', secondsAt(99)]]
    if (performance.now() - this.fromMs >= DELAY_SPAN_MS) {
      histogram.reset()
      this.fromMs = performance.now()
    }
    return read
  }

  stop(): void {
    this.histogram.disable()
  }
}

/** Of the container, where it has one, else of the machine. */
function memoryLimitBytes(): number {
  const constrainedBytes = process.constrainedMemory()
  return constrainedBytes > 0 ? Math.min(constrainedBytes, totalmem()) : totalmem()
}

/** null where the system does not tell. */
function openFileCount(): number | null {
  try {
    return readdirSync(FOLDER_OF_OPEN_FILES).length
  } catch {
    return null
  }
}
