// What is read of event files: what is rejected and why, what makes a file unreadable, and the order that offsets count.
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals'
import type { FieldDefinition, SourceDefinition } from '@tidemark/feature-schema/definition'
import { DOUBLE_TEXT, INT64_TEXT } from '@tidemark/feature-schema/accepted-value'
import { compileEventDecoder, isRejected } from '@tidemark/feature-schema/event-decoder'
import { EVENT_SIZE_MAX_BYTES } from '@tidemark/feature-schema/limits'
import type { ValueType } from '@tidemark/feature-schema/value'
import type { EventInput } from '@tidemark/ports/batch-engine'
import { openDuckDb, type DuckDb, type SqlRow } from './duckdb-session.ts'
import type { EventTable } from './event-table.ts'
import { loadEvents } from './input-sql.ts'
import { quoteText } from './sql-text.ts'

const field = (name: string, type: ValueType, more: Partial<FieldDefinition> = {}): FieldDefinition => ({ name, type, nullable: true, ...more })

const sourceOf = (...fields: FieldDefinition[]): SourceDefinition => ({
  kind: 'event', name: 'clicks', version: 1, eventTime: 'at', epochLengthMs: 3_600_000, skewMaxMs: 0, delayMs: 0,
  fields: [field('at', 'timestamp', { nullable: false }), ...fields],
})
const clicks = sourceOf(field('user', 'string', { nullable: false }), field('amount', 'int32', { min: -10, max: 10 }))

let database: DuckDb
let folder: string
beforeAll(async () => {
  database = await openDuckDb({ threads: 2 })
})
afterAll(async () => database[Symbol.asyncDispose]())
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tidemark-test-'))
})
afterEach(() => rm(folder, { recursive: true }))

/** Reads an input: its report, and the accepted events by offset. */
async function load(input: EventInput): Promise<EventTable['report'] & { events: SqlRow[] }> {
  await using session = await database.openSession()
  const fields = new Set(input.source.fields.map(({ name }) => name))
  const { relation, report } = await loadEvents(session, input, { fields, needsKnownTime: true })
  return { ...report, events: await session.rows(`SELECT * FROM ${relation} ORDER BY log_partition, log_offset`) }
}

async function fileOf(name: string, content: string | Uint8Array): Promise<string> {
  const path = join(folder, name)
  await writeFile(path, content)
  return path
}

const csv = async (content: string | Uint8Array, source = clicks): Promise<EventInput> => ({ kind: 'files', format: 'csv', paths: [await fileOf('events.csv', content)], source })
const ndjson = async (content: string | Uint8Array, source = clicks): Promise<EventInput> => ({ kind: 'files', format: 'ndjson', paths: [await fileOf('events.ndjson', content)], source })

async function parquet(select: string, source = clicks): Promise<EventInput> {
  await using session = await database.openSession()
  const path = join(folder, 'events.parquet')
  await session.run(`COPY (${select}) TO ${quoteText(path)} (FORMAT parquet)`)
  return { kind: 'files', format: 'parquet', paths: [path], source }
}

const rejections = async (input: EventInput): Promise<string[]> => (await load(input)).rejectedSamples.map(({ row, reason }) => `${row}: ${reason}`)

describe('CSV', () => {
  it('rejects lines with too few and too many columns and broken quotes, each with its row, and keeps offsets', async () => {
    const input = await csv('at,user,amount\n1,ann,2\n2,bob\n3,"c ""d""\ne",4\n4,dan,1,1\n5,"e"f,6\n6,fay,"-7"\n')
    const { events, rejectedSamples, ...counts } = await load(input)
    expect(counts).toEqual({ readCount: 6, acceptedCount: 3, rejectedCount: 3, heldBack: null })
    expect(rejectedSamples.map(({ row, reason }) => [row, reason])).toEqual([
      [1, expect.stringContaining('Columns')], [3, expect.stringContaining('Columns')], [4, expect.stringContaining('quote')],
    ])
    expect(events.map(({ log_offset, f1 }) => [log_offset, f1])).toEqual([[0n, 'ann'], [2n, 'c "d"\ne'], [5n, 'fay']])
  })

  it('rejects a line that is not UTF-8, and one that is too long', async () => {
    const bytes = Buffer.concat([Buffer.from('at,user,amount\n1,'), Buffer.from([0xff, 0xfe]), Buffer.from(`,2\n2,${'x'.repeat(EVENT_SIZE_MAX_BYTES)},1\n3,ok,1\n`)])
    const { events, rejectedSamples } = await load(await csv(bytes))
    expect(rejectedSamples.map(({ row }) => row)).toEqual([0, 1])
    expect(events.map(({ log_offset }) => log_offset)).toEqual([2n])
  })

  it('rejects a quote that is never closed, with the rest of the file', async () => {
    expect(await rejections(await csv('at,user,amount\n1,ann,2\n2,"bob,3\n3,cat,4\n'))).toEqual([
      '1: Value with unterminated quote found. An open quote takes in the lines below, to the next quote or the end of the file.',
    ])
  })

  it('reads line ends of either kind, a byte-order mark, quoted names and any order of columns', async () => {
    const { events } = await load(await csv('\ufeff"amount",user,ignored,"at"\r\n1,"",x,5\r\n,ann,y,6\r\n'))
    expect(events.map(({ event_time, f1, f2 }) => [event_time, f1, f2])).toEqual([[5n, '', 1n], [6n, 'ann', null]])
  })

  it('says what makes a file unreadable', async () => {
    await expect(load(await csv(''))).rejects.toMatchObject({ code: 'INPUT_UNREADABLE' })
    await expect(load(await csv('at,user,at\n'))).rejects.toThrow(/column at twice/)
    await expect(load(await csv('at,usr,amount\n1,a,2\n'))).rejects.toThrow(/events\.csv: It has no column user\. Did you mean usr\?/)
    await expect(load(await csv('at,user,amuont\n1,a,2\n'))).rejects.toThrow(/It has no column amount\. Did you mean amuont\?/)
    expect(await load(await csv('at,user,count\n1,a,2\n'))).toMatchObject({ acceptedCount: 1 })
    // Of the file, not of the copy that it is read from where line ends differ.
    await expect(load(await csv('at,usr\r\n1,a\n2,b\r\n'))).rejects.toMatchObject({ problems: [{ where: expect.stringMatching(/\/events\.csv$/) }] })
    await expect(load({ ...(await csv('at,user,logged\n1,a,2\n')), columns: { appendTime: 'loged' } })).rejects.toThrow(/Did you mean logged\?/)
    await expect(load({ ...(await csv('at,user,logged\n1,a,2\n')), columns: { appendTime: 'nope' } })).rejects.toThrow(/There is at, user, logged\./)
    await expect(load(await csv(Uint8Array.of(0x50, 0x41, 0x52, 0x31, 0, 1, 2)))).rejects.toMatchObject({ code: 'INPUT_UNREADABLE' })
  })

  it('takes a nullable field without a column as NULL, and reads a file without records', async () => {
    expect((await load(await csv('at,user\n1,ann\n'))).events).toMatchObject([{ f2: null }])
    expect(await load(await csv('at,user\n'))).toMatchObject({ readCount: 0, events: [] })
  })

  it('keeps the order of a large file that several threads read, with lines that are no records between', async () => {
    const filling = 'x'.repeat(300)
    const lines = Array.from({ length: 80_000 }, (_, i) => (i % 10_000 === 9_999 ? `${i},no column` : `${i},user ${i % 977},${i % 10},${filling}`))
    const input = await csv(`at,user,amount,filling\n${lines.join('\n')}\n`)
    await using session = await database.openSession()
    const { relation, report } = await loadEvents(session, input, { fields: new Set(), needsKnownTime: true })
    expect(report.readCount).toBe(80_000)
    expect(report.rejectedSamples.map(({ row }) => row)).toEqual([9_999, 19_999, 29_999, 39_999, 49_999, 59_999, 69_999, 79_999])
    expect(await session.rows(`SELECT count(*) AS events, count(*) FILTER (WHERE log_offset = event_time) AS in_place FROM ${relation}`)).toEqual([
      { events: 79_992n, in_place: 79_992n },
    ])
  })
})

describe('NDJSON', () => {
  it('rejects what is no JSON object, with the reasons of the decoder', async () => {
    const lines = ['{"at":1,"user":"ann"}', '{"at":', '', '[1]', '{"at":2,"user":"b"} {}', '{"at":NaN,"user":"b"}', '{"at":3,"user":"\\ud800"}', '{"at":4,"user":"b","user":"cat"}']
    const input = await ndjson(lines.join('\r\n'))
    const decoder = compileEventDecoder(clicks)
    const expected = lines.filter((line) => line !== '').flatMap((line, row) => {
      const decoded = decoder.decode(line)
      return isRejected(decoded) ? [`${row}: ${decoded.rejected.message}`] : []
    })
    expect(expected).toHaveLength(5)
    expect(await rejections(input)).toEqual(expected)
    expect((await load(input)).events.map(({ f1, log_offset }) => [f1, log_offset])).toEqual([['ann', 0n], ['cat', 6n]])
  })

  it('rejects an event of 10 MB with its size, and reads on', async () => {
    const { rejectedSamples, acceptedCount } = await load(await ndjson(`{"at":1,"user":"${'x'.repeat(10_000_000)}"}\n{"at":2,"user":"b"}`))
    expect(rejectedSamples).toEqual([{ file: join(folder, 'events.ndjson'), row: 0, reason: 'It has 10000018 bytes, the limit is 1048576.' }])
    expect(acceptedCount).toBe(1)
  })

  it('takes integers beyond 2^53 as text only', async () => {
    const source = sourceOf(field('big', 'int64'))
    const input = await ndjson('{"at":1,"big":9007199254740993}\n{"at":2,"big":"9007199254740993"}\n{"at":3,"big":"9223372036854775808"}', source)
    expect((await load(input)).events.map(({ f1 }) => f1)).toEqual([9007199254740993n])
    expect(await rejections(input)).toHaveLength(2)
  })
})

describe('Parquet', () => {
  it('rejects what its columns hold and the fields do not, and says what was found', async () => {
    const input = await parquet(`
      SELECT * FROM (VALUES (TIMESTAMP '2001-01-01', 'ann', 3::BIGINT), (NULL, 'bob', 1), (TIMESTAMP '2001-01-02', NULL, 1), (TIMESTAMP '2001-01-03', 'dan', 4000000000),
        (TIMESTAMP '2001-01-04', 'eve', 11), (TIMESTAMP '0999-01-01', 'fay', 1), (TIMESTAMP 'infinity', 'gus', 1), (TIMESTAMP '1969-12-31 23:59:59.9995', 'hal', NULL)) t("at", user, amount)`)
    const { events, rejectedSamples } = await load(input)
    expect(rejectedSamples.map(({ row, reason }) => `${row}: ${reason}`)).toEqual([
      '1: field at: expected timestamp, found null.',
      '2: field user: expected string, found null.',
      '3: field amount: expected int32 from -10 to 10 or NULL, found 4000000000.',
      '4: field amount: expected int32 from -10 to 10 or NULL, found 11.',
      '5: field at: expected timestamp, found 0999-01-01 00:00:00.',
      '6: field at: expected timestamp, found infinity.',
    ])
    expect(events.map(({ event_time, f1 }) => [event_time, f1])).toEqual([[978_307_200_000n, 'ann'], [-1n, 'hal']])
  })

  it('checks fields that nothing asks for', async () => {
    const input = await parquet(`SELECT range AS at, 'u' AS user, CASE range WHEN 2 THEN 99 END AS amount FROM range(4)`)
    await using session = await database.openSession()
    const { report } = await loadEvents(session, input, { fields: new Set(), needsKnownTime: false })
    expect(report).toMatchObject({ acceptedCount: 3, rejectedCount: 1 })
  })

  it.each([
    ['int32 in range', field('value', 'int32', { min: 0, max: 9 }), `range % 10`, 0],
    ['int32 past its bound in one row group', field('value', 'int32', { max: 9 }), `CASE range WHEN 150000 THEN 10 ELSE range % 10 END`, 1],
    ['int32 past its type', field('value', 'int32'), `CASE range WHEN 150000 THEN 3000000000 ELSE 1 END`, 1],
    ['int32 of a row group of NULL', field('value', 'int32', { max: 9 }), `CASE WHEN range > 125000 THEN range % 11 END`, 6_818],
    ['one NULL where there is none', field('value', 'int64', { nullable: false }), `CASE range WHEN 150000 THEN NULL ELSE 1 END`, 1],
    ['one NULL text', field('value', 'string', { nullable: false }), `CASE range WHEN 150000 THEN NULL ELSE 'a' END`, 1],
    ['a time past its bound', field('value', 'timestamp', { max: 1000 }), `CASE range WHEN 150000 THEN TIMESTAMP '1970-01-01 00:00:01.001' ELSE TIMESTAMP '1970-01-01' END`, 1],
    ['a time past 2261', field('value', 'timestamp'), `CASE range WHEN 150000 THEN TIMESTAMP '2262-01-01' ELSE TIMESTAMP '1970-01-01' END`, 1],
    ['times before 1970', field('value', 'timestamp'), `TIMESTAMP '1969-12-31 23:59:59.9995'`, 0],
    ['doubles', field('value', 'double', { nullable: false }), `CASE range WHEN 150000 THEN 'NaN'::DOUBLE ELSE 1 END`, 1],
  ] as const)('believes what the file says of its columns, and reads where that proves nothing: %s', async (_, own, sql, rejectedCount) => {
    const input = await parquet(`SELECT range AS "at", ${sql} AS value FROM range(200000)`, sourceOf(own))
    await using session = await database.openSession()
    const { report } = await loadEvents(session, input, { fields: new Set(), needsKnownTime: false })
    expect(report.rejectedCount).toBe(rejectedCount)
  })

  it('leaves out what nothing asks for where times never go back, and only there', async () => {
    const read = async (select: string, fromMs: number, beforeMs: number): Promise<unknown> => {
      const input = await parquet(select)
      await using session = await database.openSession()
      const { relation, report } = await loadEvents(session, input, { fields: new Set(), needsKnownTime: true, fromMs, beforeMs })
      expect(report.acceptedCount).toBe(1_000)
      const rows = await session.rows(`SELECT log_offset FROM ${relation} WHERE known_time >= ${fromMs} AND known_time < ${beforeMs} ORDER BY ALL`)
      return rows.map(({ log_offset }) => Number(log_offset))
    }
    expect(await read(`SELECT epoch_ms(range) AS "at", 'u' AS user FROM range(1000)`, 990, 993)).toEqual([990, 991, 992])
    expect(await read(`SELECT CASE range WHEN 992 THEN 5 ELSE range END AS "at", 'u' AS user FROM range(1000)`, 990, 993)).toEqual([990, 991, 992])
  })

  it('says what makes a file unreadable, and which one', async () => {
    const whole = await parquet(`SELECT range AS at, 'u' AS user, 1 AS amount FROM range(4)`)
    const paths = whole.kind === 'files' ? whole.paths : []
    const noise = await fileOf('noise.parquet', 'no Parquet at all, but long enough to be one')
    const after = join(folder, 'after.parquet')
    await copyFile(paths[0]!, after)
    const withPaths = (...some: string[]): EventInput => ({ kind: 'files', format: 'parquet', source: clicks, paths: some })
    await expect(load(withPaths(...paths, noise, after))).rejects.toMatchObject({ code: 'INPUT_UNREADABLE', problems: [{ where: noise }] })
    await expect(load(withPaths(join(folder, 'nowhere.parquet')))).rejects.toThrow(/nowhere\.parquet: There is no such file/)
    await expect(load(withPaths(join(folder, 'nowhere*.parquet')))).rejects.toThrow(/There is no such file/)
    await expect(load(withPaths(folder))).rejects.toThrow(/It is a folder/)
    await expect(load({ ...withPaths(...paths), format: 'csv' } as EventInput)).rejects.toMatchObject({ code: 'INPUT_UNREADABLE' })
    await expect(load(await parquet(`SELECT 1 AS at, [1] AS user`))).rejects.toThrow(/column user is INTEGER\[\], which cannot hold string/)
  })

  it('says that data in the middle is damaged', async () => {
    const input = await parquet(`SELECT range AS at, md5(range::VARCHAR) AS user, 1 AS amount FROM range(20000)`)
    const path = input.kind === 'files' ? input.paths[0]! : ''
    const bytes = await readFile(path)
    bytes.fill(0xff, 1000, bytes.length - 2000)
    await writeFile(path, bytes)
    await expect(load(input)).rejects.toMatchObject({ code: 'INPUT_UNREADABLE', problems: [{ where: path }] })
  })

  it('counts offsets over files with other columns, in the order of a pattern, and reads names with pattern characters', async () => {
    await using session = await database.openSession()
    const write = (name: string, select: string): Promise<void> => session.run(`COPY (${select}) TO ${quoteText(join(folder, name))} (FORMAT parquet)`)
    await write('a[1].parquet', `SELECT 1 AS at, 'a' AS user, 1 AS amount`)
    await write('b.parquet', `SELECT 'b' AS user, 2::BIGINT AS at FROM range(2)`)
    await write('c.parquet', `SELECT 3 AS at, 'c' AS user, 99 AS amount`)
    const { events, rejectedSamples } = await load({ kind: 'files', format: 'parquet', source: clicks, paths: [join(folder, 'a[1].parquet'), join(folder, '[bc].parquet')] })
    expect(events.map(({ log_offset, f1 }) => [log_offset, f1])).toEqual([[0n, 'a'], [1n, 'b'], [2n, 'b']])
    expect(rejectedSamples).toMatchObject([{ file: join(folder, 'c.parquet'), row: 0 }])
  })
})

describe('one rule for every format', () => {
  const texts: Readonly<Record<ValueType, readonly string[]>> = {
    boolean: ['true', 'false', 'TRUE', '1', 'yes'],
    int32: ['0', '-0', '+1', '007', '2147483647', '2147483648', '-2147483648', '-2147483649', '1.0', '1e3', ' 1', '1_000', '', 'x'],
    int64: ['9007199254740993', '-9223372036854775808', '9223372036854775808', '-0', '1.5', '00000000000000000001', '1'],
    double: ['1', '-0', '1.', '.5', '+1e3', '1e999', '-1e999', '1e-999', 'NaN', '-Infinity', '+Infinity', 'inf', 'nan', '0x10', '1e', '1_0', '.', '4.35', '123456789012345678901234567890'],
    string: ['', 'x', '😀', 'null', ' a '],
    timestamp: [
      '0', '-1', '1e3', '2001-06-30', '2001-02-29', '2000-02-29', '2001-06-31', '2001-06-30 23:59:59', '2001-06-30T23:59:59Z', '2001-06-30T23:59:59.1Z', '2001-06-30T23:59:59.123456789Z',
      '2001-06-30T23:59:59.999999+02:00', '2001-06-30T23:59:59-14:59', '1969-12-31T23:59:59.9995Z', '2001-06-30T24:00:00Z', '2001-06-30T23:59:60Z', '2001-06-30T23:59Z', '2001-6-30', '1677-12-31', '1678-01-01',
      '2261-12-31T23:59:59.999Z', '2262-01-01', '2261-12-31T23:59:59-00:01', '9223372036854775807', '2001-06-30T23:59:59+15:00', '2001-06-30\n', 'yesterday',
    ],
  }

  /** The text's value in JSON, or the text where it has none there: then CSV has none either. */
  function jsonOf(type: ValueType, text: string): string {
    const isNumber = type === 'double' ? DOUBLE_TEXT.test(text) : (type === 'int32' || type === 'timestamp') && INT64_TEXT.test(text)
    if (type === 'boolean' && (text === 'true' || text === 'false')) return text
    if (type === 'double' && /^[+-]?(NaN|Infinity)$/.test(text)) return 'null'
    if (!isNumber) return JSON.stringify(text)
    return text.replace(/^\+/, '').replace(/^(-?)0+(?=\d)/, '$1').replace(/^(-?)\./, '$10.').replace(/\.(?!\d)/, '.0')
  }

  it.each(Object.entries(texts) as [ValueType, readonly string[]][])('%s', async (type, values) => {
    const source = sourceOf(field('value', type))
    const quoted = values.map((text, i) => `${i},${`"${text}"`}`)
    const fromCsv = await load(await csv(`at,value\n${quoted.join('\n')}\n`, source))
    const fromJson = await load(await ndjson(values.map((text, i) => `{"at":${i},"value":${jsonOf(type, text)}}\n`).join(''), source))
    const accepted = ({ events }: { events: SqlRow[] }): string[] => events.map(({ log_offset, f1 }) => `${values[Number(log_offset)]} is ${f1}`)
    expect(accepted(fromCsv)).toEqual(accepted(fromJson))
    const texted = values.map((text, i) => `(${i}, ${quoteText(text)})`)
    expect(accepted(await load(await parquet(`SELECT * FROM (VALUES ${texted.join(', ')}) t("at", value)`, source)))).toEqual(accepted(fromCsv))
  })

  it.each([
    ['timestamp', `TIMESTAMP_S '1969-12-31 23:59:59'`, -1000n],
    ['timestamp', `TIMESTAMP_MS '1969-12-31 23:59:59.999'`, -1n],
    ['timestamp', `TIMESTAMP_NS '1969-12-31 23:59:59.999999999'`, -1n],
    ['timestamp', `TIMESTAMPTZ '2001-01-01 02:00:00+02'`, 978_307_200_000n],
    ['timestamp', `DATE '2001-01-01'`, 978_307_200_000n],
    ['timestamp', `DATE 'infinity'`, undefined],
    ['timestamp', `978307200000.0::DOUBLE`, 978_307_200_000n],
    ['int32', `7::UTINYINT`, 7n],
    ['int32', `7.0::DOUBLE`, 7n],
    ['int32', `7.5::FLOAT`, undefined],
    ['int32', `'NaN'::DOUBLE`, undefined],
    ['int64', `9223372036854775808::UBIGINT`, undefined],
    ['int64', `9007199254740992::DOUBLE`, undefined],
    ['int64', `12.00::DECIMAL(9, 2)`, 12n],
    ['double', `0.1::DECIMAL(9, 2)`, 0.1],
    ['double', `0.1::FLOAT`, Math.fround(0.1)],
    ['double', `3::BIGINT`, 3],
    ['string', `'a'::ENUM ('a', 'b')`, 'a'],
  ] as const)('Parquet: %s from %s', async (type, sql, value) => {
    const { events, rejectedCount } = await load(await parquet(`SELECT 1 AS at, ${sql} AS value`, sourceOf(field('value', type))))
    expect([events[0]?.['f1'], rejectedCount]).toEqual([value, value === undefined ? 1 : 0])
  })

  it('canonical doubles of Parquet: no NaN, no infinity, no negative zero', async () => {
    const source = sourceOf(field('value', 'double'))
    const { events } = await load(await parquet(`SELECT * FROM (VALUES (1, 'NaN'::DOUBLE), (2, '-Infinity'::DOUBLE), (3, '-0'::DOUBLE), (4, 1.5)) t("at", value)`, source))
    expect(events.map(({ f1 }) => f1)).toEqual([null, null, 0, 1.5])
    expect(Object.is(events[2]!['f1'], 0)).toBe(true)
  })
})

describe('times of the log', () => {
  it('runs the maximum where times go back, over accepted records only', async () => {
    const { events } = await load(await csv('at,user,amount\n5,a,1\n99,b,99\n3,c,1\n8,d,1\n'))
    expect(events.map(({ event_time, append_time, known_time }) => [event_time, append_time, known_time])).toEqual([[5n, 5n, 5n], [3n, 5n, 5n], [8n, 8n, 8n]])
  })

  it('rejects a record without append time', async () => {
    const input = { ...(await csv('at,user,logged\n5,a,7\n6,b,\n')), columns: { appendTime: 'logged' } }
    expect(await rejections(input)).toEqual(['1: field logged: expected timestamp, found null.'])
  })
})
