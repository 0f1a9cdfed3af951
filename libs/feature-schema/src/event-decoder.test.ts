import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import type { SourceDefinition } from './definition.ts'
import { boolean, double, eventSource, int32, int64, string, timestamp } from './dsl.ts'
import { compileEventDecoder, isRejected } from './event-decoder.ts'
import { EVENT_SIZE_MAX_BYTES, TIMESTAMP_MAX_MS, TIMESTAMP_MIN_MS } from './limits.ts'

const everyType = eventSource('all', {
  fields: {
    at: timestamp(),
    flag: boolean().nullable(),
    small: int32().nullable(),
    large: int64().nullable(),
    real: double().nullable(),
    text: string().nullable(),
    sure: double(),
  },
  eventTime: 'at',
}).definition
const { decode } = compileEventDecoder(everyType)

/** A record whose other fields are sound. */
function recordWith(field: string, json: string): string {
  const rest = { at: '5', sure: '1' }
  return `{${Object.entries({ ...rest, [field]: json }).map(([name, text]) => `"${name}":${text}`).join(',')}}`
}

/** The field's value after decoding, or why the record was rejected. */
function decodedField(source: SourceDefinition, field: string, json: string): unknown {
  const event = compileEventDecoder(source).decode(recordWith(field, json))
  return isRejected(event) ? event.rejected.message : event.row[source.fields.findIndex(({ name }) => name === field)]
}

describe('an event is accepted', () => {
  it('with its fields in the order of the definition, and no others', () => {
    expect(decode('{"sure":2.5,"unknown":{},"text":"ż","at":1,"flag":true,"small":-3,"large":"9007199254740993","real":0.5}')).toEqual({
      row: [1, true, -3, 9_007_199_254_740_993n, 0.5, 'ż', 2.5],
      eventTimeMs: 1,
      appendTimeMs: null,
    })
  })

  it('from bytes', () => {
    expect(decode(Buffer.from('{"at":1,"sure":1,"text":"żółw"}'))).toMatchObject({ row: [1, null, null, null, null, 'żółw', 1] })
  })

  it.each([
    ['flag', 'false', false],
    ['small', '-2147483648', -2_147_483_648],
    ['small', '2147483647', 2_147_483_647],
    ['small', '1.0', 1],
    ['small', '-0', 0],
    ['large', '9007199254740991', 9_007_199_254_740_991],
    ['large', '"9007199254740991"', 9_007_199_254_740_991],
    ['large', '"-9223372036854775808"', -9_223_372_036_854_775_808n],
    ['large', '"007"', 7],
    ['large', '-0', 0],
    ['real', '3', 3],
    ['real', '-0.0', 0],
    ['real', '1e999', null],
    ['real', 'null', null],
    ['text', '""', ''],
    ['text', '"\\ud83d\\ude00"', '😀'],
    ['at', '-1', -1],
    ['at', '"2001-06-30"', Date.UTC(2001, 5, 30)],
    ['at', '"2001-06-30 23:59:59"', Date.UTC(2001, 5, 30, 23, 59, 59)],
    ['at', '"2000-02-29T01:02:03.4Z"', Date.UTC(2000, 1, 29, 1, 2, 3, 400)],
    ['at', '"2001-06-30T23:59:59.123999999"', Date.UTC(2001, 5, 30, 23, 59, 59, 123)],
    ['at', '"2001-06-30T00:30:00+02:00"', Date.UTC(2001, 5, 29, 22, 30)],
    ['at', '"2001-06-30T00:30:00.5-05:30"', Date.UTC(2001, 5, 30, 6, 0, 0, 500)],
    ['at', `${TIMESTAMP_MIN_MS}`, TIMESTAMP_MIN_MS],
    ['at', '"2261-12-31T23:59:59.999Z"', TIMESTAMP_MAX_MS],
  ])('with %s %s', (field, json, value) => {
    expect(decodedField(everyType, field, json)).toBe(value)
  })

  it('with any time of the accepted years, in any zone', () => {
    const minutes = fc.integer({ min: -14 * 60, max: 14 * 60 })
    fc.assert(
      fc.property(fc.integer({ min: TIMESTAMP_MIN_MS + 864e5, max: TIMESTAMP_MAX_MS - 864e5 }), minutes, (timeMs, zone) => {
        const local = new Date(timeMs + zone * 60_000).toISOString().slice(0, -1)
        const hours = String(Math.floor(Math.abs(zone) / 60)).padStart(2, '0')
        const text = `${local}${zone < 0 ? '-' : '+'}${hours}:${String(Math.abs(zone) % 60).padStart(2, '0')}`
        expect(decodedField(everyType, 'at', JSON.stringify(text))).toBe(timeMs)
        expect(decodedField(everyType, 'at', JSON.stringify(new Date(timeMs).toISOString()))).toBe(timeMs)
      }),
    )
  })
})

describe('an event is rejected, with its field, what was expected and what was found', () => {
  it.each([
    ['flag', '1', 'field flag: expected boolean or NULL, found 1.'],
    ['flag', '"true"', 'field flag: expected boolean or NULL, found "true".'],
    ['small', '"abc"', 'field small: expected int32 or NULL, found "abc".'],
    ['small', '"1"', 'field small: expected int32 or NULL, found "1".'],
    ['small', '1.5', 'field small: expected int32 or NULL, found 1.5.'],
    ['small', '2147483648', 'field small: expected int32 or NULL, found 2147483648.'],
    ['small', 'true', 'field small: expected int32 or NULL, found true.'],
    ['small', '[1]', 'field small: expected int32 or NULL, found an array.'],
    ['large', '9007199254740993', 'field large: expected int64 or NULL, found about 9007199254740992, which is beyond 2^53.'],
    ['large', '"9223372036854775808"', 'field large: expected int64 or NULL, found "9223372036854775808".'],
    ['large', '"1e3"', 'field large: expected int64 or NULL, found "1e3".'],
    ['large', '""', 'field large: expected int64 or NULL, found "".'],
    ['real', '"NaN"', 'field real: expected double or NULL, found "NaN".'],
    ['text', '7', 'field text: expected string or NULL, found 7.'],
    ['text', '{}', 'field text: expected string or NULL, found an object.'],
    ['text', '"a\\ud800"', 'field text: expected string or NULL, found "a\\ud800", which is not well-formed Unicode.'],
    ['sure', 'null', 'field sure: expected double, found null.'],
    ['sure', '1e999', 'field sure: expected double, found Infinity.'],
    ['at', '1.5', 'field at: expected timestamp, found 1.5.'],
    ['at', '"978307200000"', 'field at: expected timestamp, found "978307200000".'],
    ['at', '"2001-02-29"', 'field at: expected timestamp, found "2001-02-29".'],
    ['at', '"1900-02-29"', 'field at: expected timestamp, found "1900-02-29".'],
    ['at', '"2001-06-31 00:00:00"', 'field at: expected timestamp, found "2001-06-31 00:00:00".'],
    ['at', '"2001-06-30T24:00:00Z"', 'field at: expected timestamp, found "2001-06-30T24:00:00Z".'],
    ['at', '"2001-06-30T23:59:60Z"', 'field at: expected timestamp, found "2001-06-30T23:59:60Z".'],
    ['at', '"30.06.2001"', 'field at: expected timestamp, found "30.06.2001".'],
  ])('%s %s', (field, json, reason) => {
    expect(decodedField(everyType, field, json)).toBe(reason)
  })

  it('for a time in the far past or future', () => {
    for (const time of [TIMESTAMP_MIN_MS - 1, TIMESTAMP_MAX_MS + 1]) {
      expect(decodedField(everyType, 'at', String(time))).toBe(`field at: expected timestamp, found ${time}.`)
    }
    expect(decodedField(everyType, 'at', '1e300')).toBe('field at: expected timestamp, found about 1e+300, which is beyond 2^53.')
    for (const time of ['0001-01-01', '1677-12-31T23:59:59.999Z', '9999-12-31', '2262-01-01T00:00:00Z']) {
      expect(decodedField(everyType, 'at', `"${time}"`)).toBe(`field at: expected timestamp, found "${time}".`)
    }
  })

  it('for a missing field', () => {
    expect(decode('{"sure":1}')).toEqual({
      properties: { sure: 1 },
      rejected: {
        code: 'EVENT_MALFORMED',
        message: 'field at: expected timestamp, found nothing.',
        where: 'source all',
        action: 'Mend the producer or the definition, then replay the record.',
      },
    })
  })

  it('outside declared bounds, which are inclusive', () => {
    const bounded = eventSource('bounded', {
      fields: {
        at: timestamp().between('2001-01-01', '2001-12-31'),
        small: int32().between(-5, 5).nullable(),
        large: int64().between(0, 10).nullable(),
      },
      eventTime: 'at',
    }).definition
    const { decode } = compileEventDecoder(bounded)
    const atMs = Date.UTC(2001, 0, 1)
    expect(decode(JSON.stringify({ at: atMs, small: 5, large: 0 }))).toMatchObject({ row: [atMs, 5, 0] })
    expect(decode(JSON.stringify({ at: atMs }))).toMatchObject({ row: [atMs, null, null] })
    const reasonOf = (record: object): unknown => {
      const event = decode(JSON.stringify(record))
      return isRejected(event) && event.rejected.message
    }
    expect(reasonOf({ at: atMs, small: -6 })).toBe('field small: expected int32 from -5 to 5 or NULL, found -6.')
    expect(reasonOf({ at: atMs, large: '9223372036854775807' })).toBe(
      'field large: expected int64 from 0 to 10 or NULL, found "9223372036854775807".',
    )
    expect(reasonOf({ at: atMs - 1 })).toBe(`field at: expected timestamp from ${atMs} to ${Date.UTC(2001, 11, 31)}, found ${atMs - 1}.`)
  })

  it.each([
    ['{"at":1,}', 'record: not JSON (Expected double-quoted property name in JSON at position 8 (line 1 column 9)).'],
    ['{"at":1', 'record: not JSON (Expected \',\' or \'}\' after property value in JSON at position 7 (line 1 column 8)).'],
    ['', 'record: not JSON (Unexpected end of JSON input).'],
    ['{"at":NaN}', 'record: not JSON (Unexpected token \'N\', "{"at":NaN}" is not valid JSON).'],
    ['[1]', 'record: expected a JSON object.'],
    ['null', 'record: expected a JSON object.'],
    ['"text"', 'record: expected a JSON object.'],
  ])('as a whole: %s', (record, reason) => {
    expect(decode(record)).toMatchObject({ rejected: { code: 'EVENT_MALFORMED', message: reason } })
  })

  it('as a whole: bytes that are not UTF-8', () => {
    expect(decode(Uint8Array.of(0x7b, 0xff, 0x7d))).toMatchObject({ rejected: { message: 'record: not UTF-8.' } })
  })

  it('when it is too large, by its bytes', () => {
    const shell = JSON.stringify({ at: 1, sure: 1, text: '' }).length
    const largest = JSON.stringify({ at: 1, sure: 1, text: 'x'.repeat(EVENT_SIZE_MAX_BYTES - shell) })
    expect(isRejected(decode(largest))).toBe(false)
    for (const record of [`${largest} `, Buffer.from(`${largest} `), largest.replace('xx', 'żż'), Buffer.alloc(10_000_000, 0x20)]) {
      expect(decode(record)).toMatchObject({ rejected: { code: 'EVENT_TOO_LARGE', where: 'source all' } })
    }
  })

  it('whatever it is, without an exception', () => {
    fc.assert(fc.property(fc.jsonValue({ noUnicodeString: false }), (record) => expect(decode(JSON.stringify(record))).toBeDefined()))
  })
})

describe('values that a record of another format has', () => {
  const { decodeValues } = compileEventDecoder(everyType)
  const reasonOf = (values: readonly unknown[]): unknown => {
    const event = decodeValues(values)
    return isRejected(event) && event.rejected.message
  }

  it('are accepted as JSON\'s are, and integers beyond 2^53 as bigints', () => {
    expect(decodeValues([5, true, -0, 9_007_199_254_740_993n, NaN, undefined, 1])).toEqual({ row: [5, true, 0, 9_007_199_254_740_993n, null, null, 1], eventTimeMs: 5, appendTimeMs: null })
    expect(decodeValues(['1970-01-01T00:00:00.005Z', null, 1, 7n, 0.5, 'ż', 2])).toMatchObject({ row: [5, null, 1, 7, 0.5, 'ż', 2] })
  })

  it('are rejected as JSON\'s are, with the first field that is wrong', () => {
    expect(reasonOf([5, 1, 'x'])).toBe('field flag: expected boolean or NULL, found 1.')
    expect(reasonOf([5])).toBe('field sure: expected double, found nothing.')
    expect(reasonOf([5, null, null, 2n ** 63n])).toBe('field large: expected int64 or NULL, found 9223372036854775808.')
    expect(reasonOf([5, null, null, null, null, Buffer.alloc(12)])).toBe('field text: expected string or NULL, found 12 bytes.')
    expect(reasonOf([5, null, 0.5])).toBe('field small: expected int32 or NULL, found 0.5.')
  })
})

describe('the append time', () => {
  const logged = eventSource('logged', { fields: { at: timestamp() }, eventTime: 'at', appendTime: 'logged_at' }).definition
  const { decode } = compileEventDecoder(logged)

  it('is read from the column that the source names, a field or not', () => {
    expect(decode('{"at":1,"logged_at":"1970-01-01T00:00:02Z"}')).toEqual({ row: [1], eventTimeMs: 1, appendTimeMs: 2_000 })
  })

  it('is never missing', () => {
    expect(decode('{"at":1}')).toMatchObject({ rejected: { message: 'field logged_at: expected timestamp, found nothing.' } })
  })
})
