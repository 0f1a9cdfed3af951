// A body whose beginning is known says what JSON.parse says of all of it, or fails as that does.
import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { parseBody } from './known-beginnings.ts'

function outcomeOf(parse: () => unknown): unknown {
  try {
    return { parsed: parse() }
  } catch (error) {
    return { message: (error as Error).message }
  }
}

function expectAsJson(text: string): void {
  const expected = outcomeOf(() => JSON.parse(text))
  // The second time its beginning is known.
  for (let i = 0; i < 2; i++) expect(outcomeOf(() => parseBody(text).body)).toEqual(expected)
}

const space = fc.constantFrom('', ' ', '\n', '\t\r', '\u00a0')
const key = fc.constantFrom('"features"', '"entities"', '"service"', '"__proto__"', '"\\u0065ntities"', '"a"')
const value = fc.oneof(fc.json({ maxDepth: 1 }), fc.constantFrom('["v:f","v:g"]', '[{"card":"c"}]', '", \\"entities\\":"', '"entities"', '{"a":1,"entities":[]}', '{', ']', '1,', ''))
const member = fc.tuple(space, key, space, value, space).map(([a, name, b, of, c]) => `${a}${name}:${b}${of}${c}`)
const body = fc.tuple(fc.constantFrom('{', '[', ' {', '', '[{', '{"x":{'), fc.array(member, { maxLength: 4 }), fc.constantFrom('}', '} ', '', ']', '}}', ',}', '}]')).map(([begin, members, end]) => begin + members.join() + end)

describe('parseBody', () => {
  it('parses as JSON.parse does', () => {
    fc.assert(fc.property(body, expectAsJson), { numRuns: 2_000 })
  })

  it.each([
    '{"features":["v:f"],"entities":[{"a":1}]}', '{"features":["v:f"],"features":[],"entities":[]}', '{"features":["v:f"],"entities":[],"features":["v:g"]}',
    '{"features":["v:f"],"entities":[]', '{"features":["v:f"],,"entities":[]}', '{"a":"x,"entities":[]}', '{"a":["x","entities"]}', '[1,"entities"]', '{"__proto__":1,"entities":[],"__proto__":2}',
    '{,"entities":[]}', ',"entities":[]}', 'null,"entities":[]', '{"a":1,\u00a0"entities":[]}', '{"entities":[]}', '"entities"', '{"a":1,"entities"', '{"a":1,"entities":[]}}',
  ])('parses %s as JSON.parse does', expectAsJson)

  it('gives the same objects for the same beginning, whatever follows', () => {
    const [first, second] = ['[]', '[{"card":"c"}]'].map((entities) => parseBody(`{"features":["v:f","v:g"], "entities":${entities}}`))
    expect(first!.beginning).toEqual({ features: ['v:f', 'v:g'] })
    expect(second!.beginning).toBe(first!.beginning)
    expect((second!.body as { features: unknown }).features).toBe(first!.beginning!['features'])
    expect(parseBody('{"entities":[],"features":["v:f"]}').beginning).toBeNull()
  })
})
