// How the events of a training row are found without pairing it with every event that its entity ever had.
//
// Events lie in the plane of (event time, known time), on or above its diagonal. A row whose window starts at `tail` and which knows
// what was known before `cut` wants the quadrant event time >= tail, known time < cut. Cells of a coarse level fill it but for a rim;
// the rim is filled by cells of the next finer level, its rim by the next, down to single events (cells of 1 ms):
//
//   known time
//     cut ┤    ┌──────────────────   top: cells of the coarsest level inside the quadrant
//         │    │ A  A  A  A  A  A    A:   finer cells known in the coarser cell that holds `cut`, before `cut`
//         │    │ B ┌──────────────   B:   finer cells at event times in the coarser cell that holds `tail`, from `tail`, and not in A
//         │    │ B │ coarser cells
//         └────┴───┴────────────▶    A cell is inside a quadrant when known_start < floor(cut) and event_start >= ceil(tail),
//            tail       event time   both rounded to its level's length.
//
// Lengths are multiples of each other, so that what is inside at a coarse level is inside at every finer one, and each event is
// taken exactly once, whatever levels there are: they only decide how much work it is.
import { floorToMultiple } from './sql-text.ts'

/** A relation of cells: entity, event_start, known_start (epoch ms, multiples of the length) and states. Length 1: the events themselves. */
export interface CellLevel {
  readonly lengthMs: number
  readonly table: string
}

/** What a level gives to a window: the cells inside the quadrant of a row that are not inside at a coarser level. */
export interface LevelPart {
  readonly level: CellLevel
  /** SELECT of `row_index` and the level's columns but entity, event_start and known_start. */
  readonly sql: string
}

/** The coarsest level of a window has cells of at most this part of its length: few longer ones would be inside. */
export const COARSEST_PER_WINDOW_MIN = 2
/** About how many join keys a row has in the coarsest level of its window. */
const KEYS_PER_WINDOW = 8

/**
 * What the rows want of each level, finest first. `levels` ascend from length 1, each a multiple of the one before.
 * `questions` is a relation (row_index, entity, cut, tail); `windowMs` null: lifetime, where `tail` is not looked at.
 */
export function levelParts(levels: readonly CellLevel[], windowMs: number | null, questions: string): LevelPart[] {
  const used = windowMs === null ? levels : levels.filter(({ lengthMs }) => lengthMs === 1 || lengthMs * COARSEST_PER_WINDOW_MIN <= windowMs)
  return used.map((level, i) => {
    const coarser = used[i + 1]
    const strips = coarser === undefined ? [topStrip(level, windowMs, questions)] : rimStrips(level, coarser.lengthMs, windowMs, questions)
    return { level, sql: strips.join('\nUNION ALL\n') }
  })
}

function topStrip(level: CellLevel, windowMs: number | null, questions: string): string {
  if (windowMs === null) return stripSql(level, `SELECT *, ${insideColumns(level, null)} FROM ${questions}`, [], null)
  const keyMs = Math.max(1, Math.floor(windowMs / KEYS_PER_WINDOW / level.lengthMs)) * level.lengthMs
  const inside = `SELECT *, ${insideColumns(level, windowMs)} FROM ${questions}`
  const keys = `unnest(range(${floorToMultiple('from_start', keyMs)}, before_start, ${keyMs})) AS key`
  return stripSql(level, `SELECT *, ${keys} FROM (${inside})`, [`${floorToMultiple('c.event_start', keyMs)} = q.key`], windowMs)
}

function rimStrips(level: CellLevel, coarserMs: number, windowMs: number | null, questions: string): string[] {
  const inside = insideColumns(level, windowMs)
  const ofCut = `SELECT *, ${inside}, ${floorToMultiple('cut', coarserMs)} AS key FROM ${questions}`
  const a = stripSql(level, ofCut, [`${floorToMultiple('c.known_start', coarserMs)} = q.key`], windowMs)
  if (windowMs === null) return [a]
  // Where the tail is a multiple of the coarser length, the coarser cells begin at it and there is no B.
  const ofTail = `SELECT *, ${inside}, ${floorToMultiple('tail', coarserMs)} AS key, ${floorToMultiple('cut', coarserMs)} AS below_a FROM ${questions} WHERE tail % ${coarserMs} <> 0`
  return [a, stripSql(level, ofTail, [`${floorToMultiple('c.event_start', coarserMs)} = q.key`, 'c.known_start < q.below_a'], windowMs)]
}

/** The bounds between which a level's cells are inside a row's quadrant. */
function insideColumns({ lengthMs }: CellLevel, windowMs: number | null): string {
  const before = `${floorToMultiple('cut', lengthMs)} AS before_start`
  return windowMs === null ? before : `${before}, ${floorToMultiple(`(tail + ${lengthMs - 1})`, lengthMs)} AS from_start`
}

function stripSql({ table }: CellLevel, questions: string, conditions: readonly string[], windowMs: number | null): string {
  const inside = ['c.known_start < q.before_start', ...(windowMs === null ? [] : ['c.event_start >= q.from_start'])]
  const on = ['c.entity = q.entity', ...conditions, ...inside].join(' AND ')
  return `SELECT q.row_index, c.* EXCLUDE (entity, event_start, known_start) FROM (${questions}) q JOIN ${table} c ON ${on}`
}
