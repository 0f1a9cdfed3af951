// What a process says of itself in numbers. A counter is a plain number that whoever counts adds to, a histogram plain counts of its buckets; both, and
// everything else, are read only when somebody asks. So the hot path makes no object and calls nothing for them.

import { METRICS, type LabelsOf, type MetricDescription, type MetricName, type NameOf } from './metric-catalog.ts'

export interface Counter {
  /** Only ever rises. */
  value: number
}

export class Histogram {
  readonly bounds: readonly number[]
  /** Of each bucket alone; the last is past all bounds. */
  readonly counts: number[]
  sum = 0

  constructor(bounds: readonly number[]) {
    this.bounds = bounds
    this.counts = Array.from({ length: bounds.length + 1 }, () => 0)
  }

  record(value: number): void {
    const { bounds } = this
    let [from, to] = [0, bounds.length]
    while (from < to) {
      const middle = (from + to) >> 1
      if (value <= bounds[middle]!) to = middle
      else from = middle + 1
    }
    this.counts[from]!++
    this.sum += value
  }
}

export interface Series {
  readonly labels: Readonly<Record<string, string>>
  readonly value: number | Pick<Histogram, 'counts' | 'sum'>
}

/** A metric that has at least one series. */
export interface MetricReading extends MetricDescription {
  readonly name: MetricName
  readonly series: readonly Series[]
}

/** Says what a metric is at the moment; null and what is no finite number are left out. */
export type Tell = <N extends NameOf<'counter' | 'gauge'>>(name: N, labels: LabelsOf<N>, value: number | null) => void

export class Metrics {
  private readonly kept = new Map<MetricName, Map<string, Series>>()
  private readonly tellers = new Set<(tell: Tell) => void>()

  /** The same one for the same labels. */
  counter<N extends NameOf<'counter'>>(name: N, labels: LabelsOf<N>): Counter {
    return this.keep(name, labels, () => ({ labels, value: 0 }) as Series & Counter) as Series & Counter
  }

  /** The same one for the same labels. */
  histogram<N extends NameOf<'histogram'>>(name: N, labels: LabelsOf<N>): Histogram {
    const description: MetricDescription = METRICS[name]
    return this.keep(name, labels, () => ({ labels, value: new Histogram(description.bounds!) })).value as Histogram
  }

  /** Calls `teller` each time somebody reads, until what this returns is called. */
  whenRead(teller: (tell: Tell) => void): () => void {
    this.tellers.add(teller)
    return () => void this.tellers.delete(teller)
  }

  /** In the order of the list. */
  read(): MetricReading[] {
    const told = new Map<MetricName, Series[]>()
    const tell: Tell = (name, labels, value) => {
      if (value === null || !Number.isFinite(value)) return
      const series = told.get(name)
      if (series === undefined) told.set(name, [{ labels, value }])
      else series.push({ labels, value })
    }
    for (const teller of this.tellers) teller(tell)
    return (Object.keys(METRICS) as MetricName[]).flatMap((name) => {
      const series = [...(this.kept.get(name)?.values() ?? []), ...(told.get(name) ?? [])]
      return series.length === 0 ? [] : [{ name, ...METRICS[name] as MetricDescription, series }]
    })
  }

  private keep(name: MetricName, labels: Readonly<Record<string, string>>, create: () => Series): Series {
    const byLabels = this.kept.get(name) ?? new Map<string, Series>()
    this.kept.set(name, byLabels)
    const key = JSON.stringify(METRICS[name].labels.map((label) => labels[label]))
    const series = byLabels.get(key) ?? create()
    byLabels.set(key, series)
    return series
  }
}
