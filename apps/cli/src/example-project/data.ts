// The data of the project that `tidemark init` makes: payments of some cards over two weeks, the same for everybody, and training
// rows with a label. Two of the payments make no sense, so that the report of rejected records is seen once.
const CARD_COUNT = 24
const MERCHANTS = ['bakery', 'books', 'cinema', 'electronics', 'fuel', 'grocery', 'hotel', 'pharmacy'] as const
const COUNTRIES = ['AT', 'DE', 'DE', 'DE', 'FR'] as const
const ENTRIES = ['chip', 'contactless', 'contactless', 'online', ''] as const
const PAYMENT_COUNT = 400
const ROW_COUNT = 60
const START_MS = Date.UTC(2024, 2, 1)
const END_MS = Date.UTC(2024, 2, 15)
const SEED = 20_240_301

export interface ExampleData {
  readonly eventsCsv: string
  readonly rowsCsv: string
}

export function exampleData(): ExampleData {
  const random = randomNumbers(SEED)
  const events = Array.from({ length: PAYMENT_COUNT }, () => ({ paidMs: START_MS + pickIndex(random, END_MS - START_MS), line: paymentFields(random) }))
  events.sort((a, b) => a.paidMs - b.paidMs)
  const lines = events.map(({ paidMs, line }) => `${timeText(paidMs)},${line}`)
  lines[111] = `${timeText(events[111]!.paidMs)},c-07,books,DE,-25.00,online`
  lines[222] = 'yesterday,c-11,fuel,DE,61.20,chip'
  // Questions about the second week, in no particular order: the rows come out as they went in.
  const rows = Array.from({ length: ROW_COUNT }, () => {
    const askedMs = START_MS + (END_MS - START_MS) / 2 + pickIndex(random, (END_MS - START_MS) / 2)
    return `${cardName(random)},${pick(random, MERCHANTS)},${timeText(askedMs)},${random() < 0.1 ? 1 : 0}`
  })
  return {
    eventsCsv: csv('paid_at,card,merchant,country,amount,entry', lines),
    rowsCsv: csv('card,merchant,asked_at,is_fraud', rows),
  }
}

function paymentFields(random: () => number): string {
  const amount = (4 * 25 ** random() + random()).toFixed(2)
  return [cardName(random), pick(random, MERCHANTS), pick(random, COUNTRIES), amount, pick(random, ENTRIES)].join(',')
}

function cardName(random: () => number): string {
  return `c-${String(1 + pickIndex(random, CARD_COUNT)).padStart(2, '0')}`
}

function csv(header: string, lines: readonly string[]): string {
  return `${[header, ...lines].join('\n')}\n`
}

/** Whole seconds, UTC. */
function timeText(timeMs: number): string {
  return `${new Date(timeMs).toISOString().slice(0, 19)}Z`
}

function pick<T>(random: () => number, items: readonly T[]): T {
  return items[pickIndex(random, items.length)]!
}

function pickIndex(random: () => number, count: number): number {
  return Math.floor(random() * count)
}

/** Numbers in [0, 1): a linear congruential generator modulo 2^32 with the multiplier and increment of Numerical Recipes. */
function randomNumbers(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}
