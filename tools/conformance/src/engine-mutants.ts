// Batch engines that are wrong on purpose: a question or an input is changed on its way to a right one. Each must be caught.
import type { AsOfQuery, BatchEngine, EventInput, EventSelection, PaneQuery } from '@tidemark/ports/batch-engine'

export interface Mutant {
  readonly bug: string
  mutate(engine: BatchEngine): BatchEngine
}

interface ChangedQuestion {
  readonly events?: (asked: EventSelection) => Partial<EventSelection>
  readonly panes?: (asked: PaneQuery) => Partial<PaneQuery>
  readonly asOf?: (asked: AsOfQuery) => Partial<AsOfQuery>
}

const asking = (engine: BatchEngine, change: ChangedQuestion): BatchEngine => ({
  groupPanes: (query) => engine.groupPanes({ ...query, ...change.events?.(query), ...change.panes?.(query) }),
  groupAsOf: (query) => engine.groupAsOf({ ...query, ...change.events?.(query), ...change.asOf?.(query) }),
  [Symbol.asyncDispose]: () => engine[Symbol.asyncDispose](),
})

type Records = Extract<EventInput, { kind: 'records' }>['records']

/** Changes the records; `at` is the event time, `log_time` the append time of `archiveOf`. */
const reading = (engine: BatchEngine, change: (records: Records) => Records): BatchEngine =>
  asking(engine, { events: ({ input }) => (input.kind === 'records' ? { input: { ...input, records: change(input.records) } } : {}) })

/** Bugs that any engine's answer may show. */
const ofEvents: readonly Mutant[] = [
  {
    bug: 'ties are broken by the order of arrival: the later record counts as the earlier one',
    mutate: (engine) => reading(engine, (records) => {
      const highest = records.length
      return records.map((record, i) => ({ ...record, log_partition: 0, log_offset: highest - i }))
    }),
  },
  {
    bug: 'late events are dropped',
    mutate: (engine) => reading(engine, (records) => {
      let newest = -Infinity
      return records.filter(({ at }) => {
        const isLate = Number(at) < newest
        newest = Math.max(newest, Number(at))
        return !isLate
      })
    }),
  },
  {
    bug: 'a rejected record does not move the running maximum of append time',
    mutate: (engine) => reading(engine, (records) => records.filter(({ small }) => small !== 'none')),
  },
  {
    bug: 'an event time ahead of the append time is believed',
    mutate: (engine) => reading(engine, (records) => records.map((record) => ({ ...record, log_time: Math.max(Number(record['log_time']), Number(record['at'])) }))),
  },
  {
    bug: 'a filter that is NULL lets the event pass',
    mutate: (engine) => asking(engine, {
      events: ({ where }) => ({
        where: where && { node: 'or', type: 'boolean', nullable: true, left: where, right: { node: 'isNull', type: 'boolean', nullable: false, operand: where } },
      }),
    }),
  },
]

export const paneMutants: readonly Mutant[] = [
  ...ofEvents,
  { bug: 'the cut is one epoch too late', mutate: (engine) => asking(engine, { events: ({ throughEpoch }) => ({ throughEpoch: throughEpoch! + 1 }) }) },
  {
    bug: 'panes roll up a window too early',
    mutate: (engine) => asking(engine, {
      panes: ({ ladders }) => ({ ladders: ladders.map((ladder) => ({ ...ladder, rungs: ladder.rungs.map((rung) => ({ ...rung, horizonMs: rung.horizonMs && Math.ceil(rung.horizonMs / 2) })) })) }),
    }),
  },
]

/** A bug that shows in the panes before it shows in a value. */
export const unalignedMutant: Mutant =
{
    bug: 'panes roll up by themselves, not as whole panes of the next rung',
    mutate: (engine) => asking(engine, {
      panes: ({ ladders }) => ({ ladders: ladders.map((ladder) => ({ ...ladder, rungs: ladder.rungs.map((rung) => ({ ...rung, alignMs: rung.lengthMs })) })) }),
    }),
  }

/** Bugs that only a run on a base can show. */
export const incrementalMutants: readonly Mutant[] = [
  { bug: 'the epoch of the base is read again', mutate: (engine) => asking(engine, { events: ({ afterEpoch }) => ({ afterEpoch: afterEpoch && afterEpoch - 1 }) }) },
  { bug: 'the first epoch after the base is skipped', mutate: (engine) => asking(engine, { events: ({ afterEpoch }) => ({ afterEpoch: afterEpoch && afterEpoch + 1 }) }) },
]

export const asOfMutants: readonly Mutant[] = [
  ...ofEvents,
  {
    bug: 'a row sees what is appended at its very time',
    mutate: (engine) => asking(engine, { events: ({ input }) => ({ input: { ...input, source: { ...input.source, delayMs: input.source.delayMs - 1 } } }) }),
  },
  {
    bug: 'the tail of a window is not rounded down',
    mutate: (engine) => asking(engine, { asOf: ({ windows }) => ({ windows: windows.map((window) => ({ ...window, resolutionMs: window.resolutionMs && 1 })) }) }),
  },
  {
    bug: "a batch table's row is known no earlier than the rows before it",
    mutate: (engine) => asking(engine, { events: ({ input }) => ({ input: { ...input, source: { ...input.source, kind: 'event' } } }) }),
  },
  { bug: 'a row sees what was not known yet', mutate: (engine) => asking(engine, { asOf: () => ({ knownAt: 'event' }) }) },
  {
    bug: "the source's delay is forgotten",
    mutate: (engine) => asking(engine, { events: ({ input }) => ({ input: { ...input, source: { ...input.source, delayMs: 0 } } }) }),
  },
]
