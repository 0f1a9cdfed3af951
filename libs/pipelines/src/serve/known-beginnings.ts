// Bodies that begin alike: a model asks for the same features again and again, of other entities. What such a beginning says is parsed once,
// and after that only what follows it is read. The outcome is that of JSON.parse of the whole text, errors included.

import { LRUCache } from 'lru-cache'

/** What ends a beginning: the property that differs from one body to the next. */
const FOLLOWING = '"entities"'
const SIZE_MAX_BYTES = 8 * 2 ** 20
/** A longer beginning is not kept. */
const BEGINNING_SIZE_MAX_BYTES = 256 * 2 ** 10
/** What an entry costs besides its text, and what its properties cost for each character of that. */
const ENTRY_SIZE_BYTES = 500
const BYTES_PER_CHARACTER = 6

/** The properties that a body begins with. They are shared, and never changed. */
export type Beginning = Readonly<Record<string, unknown>>

const beginnings = new LRUCache<string, Beginning>({ maxSize: SIZE_MAX_BYTES, maxEntrySize: BEGINNING_SIZE_MAX_BYTES, sizeCalculation: (_, text) => ENTRY_SIZE_BYTES + BYTES_PER_CHARACTER * text.length })

/** `beginning`: that of the body, where it was kept; what the body has of it is the same object each time. Throws what JSON.parse throws. */
export function parseBody(text: string): { readonly body: unknown; readonly beginning: Beginning | null } {
  const at = text.indexOf(FOLLOWING)
  const beginning = at < 0 ? null : beginningOf(text.slice(0, at))
  if (beginning === null) return { body: JSON.parse(text), beginning }
  try {
    // A property that comes again counts as it comes last.
    return { body: { ...beginning, ...(JSON.parse(`{${text.slice(at)}`) as object) }, beginning }
  } catch {
    return { body: JSON.parse(text), beginning: null }
  }
}

/** null: it is not all of some properties, with a comma after them. */
function beginningOf(text: string): Beginning | null {
  let beginning = beginnings.get(text) ?? null
  if (beginning === null && ENDS_WITH_COMMA.test(text)) {
    beginning = propertiesOf(text.replace(ENDS_WITH_COMMA, '}'))
    if (beginning !== null) beginnings.set(text, beginning)
  }
  return beginning
}

const ENDS_WITH_COMMA = /,[ \t\r\n]*$/

/** Of a text that ends with a brace, which is an object or no JSON. */
function propertiesOf(text: string): Beginning | null {
  try {
    const parsed = JSON.parse(text) as Beginning
    // A comma after no property at all is an error of its own.
    return Object.keys(parsed).length > 0 ? parsed : null
  } catch {
    return null
  }
}
