// The words of an expression and the order they may stand in. `scan` finds every mistake of syntax, with its place, before the
// parser library sees the text: jsep takes `f(1 2)`, `1;2` or `a,` without complaint, and knows no places.

/** Longest text of an expression, in UTF-16 units. */
export const EXPRESSION_LENGTH_MAX = 10_000
/** Deepest nesting of brackets and of operators in one another; a chain of `+` nests too. At its worst it is 900 of DuckDB's 1,000. */
export const EXPRESSION_DEPTH_MAX = 64

/** Words that mean something by themselves, in lower or upper case, and so cannot name a column. */
export const RESERVED_WORDS: readonly string[] = ['and', 'or', 'not', 'in', 'is', 'null', 'true', 'false']

/** A mistake of syntax; `place` counts characters from 0. */
export class SyntaxProblem extends Error {
  readonly place: number
  readonly action: string

  constructor(place: number, message: string, action: string) {
    super(message)
    this.place = place
    this.action = action
  }
}

type Kind = 'number' | 'string' | 'word' | 'sign'

const TOKEN = new RegExp(
  [
    '(?<space>[ \\t\\r\\n]+)',
    '(?<number>\\d+(?:\\.\\d*)?(?:[eE][+-]?\\d+)?)',
    `(?<string>'(?:[^'\\\\]|\\\\[^])*'|"(?:[^"\\\\]|\\\\[^])*")`,
    '(?<word>[\\p{L}_$][\\p{L}\\p{M}\\p{N}_$]*)',
    '(?<sign>\\|\\||&&|==|!=|<>|<=|>=|[-+*/%=<>!?:,()[\\]])',
  ].join('|'),
  'yu',
)
const BINARY_SIGNS = new Set(['||', '&&', '==', '=', '!=', '<>', '<=', '>=', '<', '>', '+', '-', '*', '/', '%'])
const BINARY_WORDS = new Set(['and', 'or', 'in', 'is'])
const ESCAPES = /\\(?![nrtbfv'"\\])/

/**
 * Checks the order of words and gives the text as jsep shall read it: of the same length, so that places stay true, with reserved
 * words in lower case and exactly one space inside `not in`. Throws a SyntaxProblem.
 */
export function scan(text: string): string {
  if (text.length > EXPRESSION_LENGTH_MAX) {
    throw new SyntaxProblem(
      EXPRESSION_LENGTH_MAX,
      `The expression has ${text.length} characters, more than ${EXPRESSION_LENGTH_MAX}.`,
      'Split it into derived columns.',
    )
  }
  const order = new WordOrder()
  let normal = ''
  for (let at = 0; at < text.length; at = TOKEN.lastIndex) {
    const token = tokenAt(text, at)
    if (token.kind === null) normal += ' '.repeat(token.text.length)
    else if (order.awaitsIn && token.text.toLowerCase() === 'in')
      normal = `${normal.trimEnd()} ${order.next(token.kind, token.text, at)}`.padEnd(TOKEN.lastIndex)
    else normal += order.next(token.kind, token.text, at)
  }
  order.end(text.length)
  return normal
}

function tokenAt(text: string, at: number): { kind: Kind | null; text: string } {
  TOKEN.lastIndex = at
  const groups = TOKEN.exec(text)?.groups
  if (!groups) throw unknownCharacter(text, at)
  for (const kind of ['number', 'string', 'word', 'sign'] as const) {
    const found = groups[kind]
    if (found !== undefined) return { kind, text: found }
  }
  return { kind: null, text: groups['space']! }
}

function unknownCharacter(text: string, at: number): SyntaxProblem {
  const character = String.fromCodePoint(text.codePointAt(at)!)
  if (character === "'" || character === '"')
    return new SyntaxProblem(at, 'The string that starts here has no end.', `Close it with ${character}.`)
  if (character === ';') return new SyntaxProblem(at, 'An expression is one value; ";" has no meaning.', 'Remove it.')
  if (character === '&' || character === '|') return new SyntaxProblem(at, `"${character}" is no operator.`, 'Write "and" or "or".')
  if (character === '.')
    return new SyntaxProblem(at, 'A "." stands only inside a number, after a digit.', 'Write 0.5; columns have no members.')
  if (character === '^') return new SyntaxProblem(at, '"^" is no operator.', 'Write pow(x, y).')
  return new SyntaxProblem(at, `"${character}" has no meaning here.`, 'Remove it, or put text between quotes.')
}

/** What is open: a bracket, the test of a ternary that waits for its ":", or what comes after that ":". */
interface Open {
  readonly sign: '(' | '[' | '?' | ':'
  readonly place: number
  readonly isCall: boolean
}

/** Follows the tokens with two states: a value is due, or what may come after a value. */
class WordOrder {
  readonly #open: Open[] = []
  #valueIsDue = true
  #last = ''
  #lastKind: Kind | null = null
  #prefixCount = 0

  /** After `x not`. */
  get awaitsIn(): boolean {
    return !this.#valueIsDue && this.#last === 'not'
  }

  /** Takes a token; gives it as jsep shall read it. */
  next(kind: Kind, token: string, place: number): string {
    const lower = token.toLowerCase()
    const word = kind === 'word' && RESERVED_WORDS.includes(lower) && (token === lower || token === token.toUpperCase()) ? lower : token
    if (this.#valueIsDue) this.#value(kind, word, place)
    else this.#afterValue(kind, word, place)
    this.#last = word
    this.#lastKind = kind
    if (this.#open.length + this.#prefixCount > EXPRESSION_DEPTH_MAX) throw tooDeep(place)
    return word
  }

  end(place: number): void {
    if (this.#valueIsDue || this.awaitsIn) {
      if (this.#last === '') throw new SyntaxProblem(0, 'The expression is empty.', 'Write one, for example distance > 0.')
      throw new SyntaxProblem(place, `The expression ends after "${this.#last}".`, 'Write the value that is missing.')
    }
    this.#closeBranches()
    const open = this.#open.at(-1)
    if (open) throw unclosed(open)
  }

  #value(kind: Kind, token: string, place: number): void {
    if (token === '(' || token === '[') {
      this.#open.push({ sign: token, place, isCall: false })
    } else if (token === '!' || token === '-' || (token === 'not' && kind === 'word')) {
      this.#prefixCount++
      return
    } else if (token === ')' && this.#last === '(' && this.#open.at(-1)!.isCall) {
      this.#open.pop()
      this.#valueIsDue = false
    } else if (kind === 'sign' || (kind === 'word' && BINARY_WORDS.has(token))) {
      throw new SyntaxProblem(place, `A value is missing before "${token}".`, `Write one, or remove "${token}".`)
    } else {
      checkLiteral(kind, token, place)
      this.#valueIsDue = false
    }
    this.#prefixCount = 0
  }

  #afterValue(kind: Kind, token: string, place: number): void {
    if (this.#last === 'not' && token !== 'in') throw notAfterValue(place)
    if (kind === 'sign') this.#signAfterValue(token, place)
    else if (kind === 'word' && (BINARY_WORDS.has(token) || token === 'not')) this.#valueIsDue = token !== 'not'
    else
      throw new SyntaxProblem(
        place,
        `An operator or a comma is missing before ${kind === 'string' ? 'the string' : `"${token}"`}.`,
        kind === 'string' ? "Write one; a quote inside a string is written \\'." : 'Write one.',
      )
  }

  #signAfterValue(sign: string, place: number): void {
    if (BINARY_SIGNS.has(sign)) this.#valueIsDue = true
    else if (sign === '?') this.#push('?', place)
    else if (sign === ':') this.#colon(place)
    else if (sign === '(' && this.#lastKind === 'word' && !RESERVED_WORDS.includes(this.#last)) this.#push('(', place, true)
    else if (sign === ')' || sign === ']') this.#close(sign, place)
    else if (sign === ',') this.#comma(place)
    else throw new SyntaxProblem(place, `An operator is missing before "${sign}".`, 'Write one.')
  }

  #push(sign: Open['sign'], place: number, isCall = false): void {
    this.#open.push({ sign, place, isCall })
    this.#valueIsDue = true
  }

  #colon(place: number): void {
    this.#closeBranches()
    if (this.#open.at(-1)?.sign !== '?') throw new SyntaxProblem(place, 'There is no "?" for this ":".', 'Write test ? value : otherwise.')
    this.#open.pop()
    this.#push(':', place)
  }

  #close(sign: string, place: number): void {
    this.#closeBranches()
    const open = this.#open.at(-1)
    if (open?.sign === '?') throw unclosed(open)
    if (open?.sign !== (sign === ')' ? '(' : '['))
      throw new SyntaxProblem(place, `"${sign}" closes nothing.`, 'Remove it, or open the bracket before it.')
    this.#open.pop()
  }

  #comma(place: number): void {
    this.#closeBranches()
    const open = this.#open.at(-1)
    if (!open)
      throw new SyntaxProblem(place, 'A comma stands only between the arguments of a function or the values of a list.', 'Remove it.')
    if (open.sign === '?') throw unclosed(open)
    this.#valueIsDue = true
  }

  #closeBranches(): void {
    while (this.#open.at(-1)?.sign === ':') this.#open.pop()
  }
}

function checkLiteral(kind: Kind, token: string, place: number): void {
  if (kind !== 'string') return
  const escape = ESCAPES.exec(token.replaceAll('\\\\', '  '))
  if (escape) {
    throw new SyntaxProblem(
      place + escape.index,
      'A backslash in a string starts \\n, \\r, \\t, \\b, \\f, \\v, \\\\, \\\' or \\", and nothing else.',
      'Write \\\\ for a backslash.',
    )
  }
  if (token.includes('\0') || !token.isWellFormed()) {
    throw new SyntaxProblem(place, 'The string has a NUL character or half of a surrogate pair.', 'Remove it.')
  }
}

function unclosed(open: Open): SyntaxProblem {
  if (open.sign === '?') return new SyntaxProblem(open.place, 'This "?" has no ":".', 'Write test ? value : otherwise.')
  return new SyntaxProblem(open.place, `The bracket "${open.sign}" is never closed.`, `Close it with "${open.sign === '(' ? ')' : ']'}".`)
}

function notAfterValue(place: number): SyntaxProblem {
  return new SyntaxProblem(place, 'After a value, "not" is followed by "in".', 'Write x not in (…), or "and not".')
}

export function tooDeep(place: number): SyntaxProblem {
  return new SyntaxProblem(
    place,
    `The expression nests more than ${EXPRESSION_DEPTH_MAX} deep.`,
    'Split it into derived columns; a long chain of "=" and "or" is shorter as x in (…).',
  )
}
