// What must hold of a source: its fields, which of them are times, and its lengths of time.

import { checkDistinct, checkName } from './check-names.ts'
import { RECORD_FORMATS, type FieldDefinition, type SourceDefinition } from './definition.ts'
import { didYouMean } from './did-you-mean.ts'
import { DELAY_MAX_MS, EPOCH_LENGTH_MAX_MS, EPOCH_LENGTH_MIN_MS, SKEW_LIMIT_MS } from './limits.ts'
import type { ProblemReport } from './problem-report.ts'
import { isLacking } from './shape-faults.ts'
import { INT32_MAX } from './value.ts'

export function checkSource(report: ProblemReport, source: SourceDefinition): void {
  const where = `source ${source.name}`
  report.shape(where, source)
  checkName(report, where, source.name)
  report.integer(`${where}, version`, source.version, 1, INT32_MAX)
  for (const field of source.fields) checkField(report, `${where}, field ${field.name}`, field)
  checkDistinct(
    report,
    source.fields.map(({ name }) => ({ name, place: `${where}, field ${name}` })),
  )
  checkFormat(report, `${where}, format`, source)
  checkRelay(report, `${where}, relayFrom`, source)
  checkTimes(report, where, source)
  checkLength(report, `${where}, epochLength`, source.epochLengthMs, EPOCH_LENGTH_MIN_MS, EPOCH_LENGTH_MAX_MS)
  checkLength(report, `${where}, skewMax`, source.skewMaxMs, 0, SKEW_LIMIT_MS)
  checkLength(report, `${where}, delay`, source.delayMs, 0, DELAY_MAX_MS)
}

function checkField(report: ProblemReport, where: string, field: FieldDefinition): void {
  const { name, type, min, max } = field
  report.shape(where, field)
  checkName(report, where, name)
  if (min === undefined && max === undefined) return
  if (type === 'string' || type === 'boolean') {
    report.add(where, `A ${type} has no bounds.`, 'Leave out between().')
  } else if (Number.isNaN(min ?? 0) || Number.isNaN(max ?? 0)) {
    report.add(where, 'A bound is neither a number nor a time.', 'Give numbers; for timestamps also ISO 8601 text.')
  } else if ((min ?? -Infinity) > (max ?? Infinity)) {
    report.add(where, `No value is between ${min} and ${max}.`, 'Give the smaller bound first.')
  }
}

function checkFormat(report: ProblemReport, where: string, { kind, format }: SourceDefinition): void {
  if (format === undefined) return
  if (kind !== 'event') report.add(where, 'A batch table has no log.', 'Leave it out: what files hold, they say themselves.')
  else if (report.text(where, format, `Write one of ${RECORD_FORMATS.join(', ')}.`) && !RECORD_FORMATS.includes(format)) {
    report.add(where, `There is no format ${String(format)}.`, didYouMean(format, RECORD_FORMATS))
  }
}

/** What Kafka allows as the name of a topic. */
const TOPIC_NAME = /^(?!\.{1,2}$)[a-zA-Z0-9._-]{1,249}$/

function checkRelay(report: ProblemReport, where: string, { kind, relayFrom }: SourceDefinition): void {
  if (relayFrom === undefined) return
  if (kind !== 'event') report.add(where, 'A batch table has no log.', 'Leave it out.')
  else if (report.text(where, relayFrom, "Write the topic's name: 'payments'.") && !TOPIC_NAME.test(relayFrom)) {
    report.add(where, `No topic is called ${JSON.stringify(relayFrom)}.`, 'Write its whole name: letters, digits, ., _ and -, at most 249.')
  }
}

function checkTimes(report: ProblemReport, where: string, source: SourceDefinition): void {
  const { fields, eventTime, appendTime } = source
  const find = (name: string): FieldDefinition | undefined => fields.find((field) => field.name === name)
  const event = find(eventTime)
  if (event !== undefined) checkTime(report, `${where}, eventTime`, event)
  else if (report.text(`${where}, eventTime`, eventTime, 'Name the field that says when it happened.') && !isLacking(source)) {
    const names = fields.map(({ name }) => name)
    report.add(`${where}, eventTime`, `There is no field ${eventTime}.`, didYouMean(eventTime, names))
  }
  if (appendTime !== undefined) report.text(`${where}, appendTime`, appendTime, 'Name the field or column that says when the log took the record.')
  // It may be a column that only files have; where it is a field, it has to be a time.
  const append = appendTime === undefined ? undefined : find(appendTime)
  if (append !== undefined) checkTime(report, `${where}, appendTime`, append)
}

function checkTime(report: ProblemReport, where: string, { name, type, nullable }: FieldDefinition): void {
  if (type === 'timestamp' && !nullable) return
  const is = nullable ? `a ${type} that may be NULL` : `a ${type}`
  report.add(where, `The field ${name} is ${is}.`, 'It has to be a timestamp that is never NULL.')
}

/** Reports a length of time that is unreadable (NaN) or out of bounds. */
export function checkLength(report: ProblemReport, where: string, lengthMs: number, minMs: number, maxMs: number): void {
  if (Number.isNaN(lengthMs)) {
    report.add(where, 'It is not a length of time.', 'Write a whole number and a unit: 30s, 5m, 24h, 7d, 2w.')
  } else {
    report.integer(`${where} (ms)`, lengthMs, minMs, maxMs)
  }
}
