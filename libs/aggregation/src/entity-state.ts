// An entity's speed state: three chunks, so that a fold writes what it touches. `open` has the panes of the finest rungs that
// events touch now, and is changed in place with each event. `closed` has the other panes of the two finest rungs: it changes
// when a span closes. `settled` has the coarser rungs, which are most of a full ladder and change when `closed` gives panes up.
// A late event changes the chunk that its pane is in.

import {
  AT_BYTES, AT_DROPPED, AT_LOG_TIME, CLOSED_CHUNK, HEADER_BYTES, NONE, OPEN_CHUNK, SETTLED_CHUNK, viewOf, writeHeader, type ChunkKind,
} from './chunk-format.ts'
import { sealChunk, verifyChunk } from './chunk-verify.ts'
import { GrowableBytes } from './growable-bytes.ts'
import { nextReshapeMs } from './reshape.ts'
import type { ViewPlan } from './view-plan.ts'

/** What is stored of an entity's speed state; null: there is none yet. Each chunk has its own revision. */
export interface SpeedChunks {
  readonly open: Uint8Array | null
  readonly closed: Uint8Array | null
  readonly settled: Uint8Array | null
}

export const NO_CHUNKS: SpeedChunks = { open: null, closed: null, settled: null }

/** The chunks that changed, in buffers that nothing else writes to. */
export interface ChangedChunks {
  readonly open?: Uint8Array
  readonly closed?: Uint8Array
  readonly settled?: Uint8Array
}

/** The state while events are folded into it. */
export interface EntityState {
  open: GrowableBytes
  isOpenChanged: boolean
  readonly closed: StoredChunk
  readonly settled: StoredChunk
  /** -Infinity: no event yet. */
  logTimeMs: number
  /** -Infinity: none. */
  droppedThroughEpoch: number
  /** The log time at which a span closes or panes roll up next. */
  reshapeAtMs: number
}

/**
 * A chunk that few events touch: as it is stored until something changes, then in a buffer that the state keeps. It keeps it so
 * that a state in memory never lets go of what it holds: bytes outside the heap that come and go have V8 collect all of it.
 */
export interface StoredChunk {
  /** null: there is none, or `edit` has it. */
  bytes: Uint8Array | null
  edit: GrowableBytes | null
  isChanged: boolean
}

/** Whether a rung's panes are in the settled chunk, not in the closed one. */
export function isSettled(rung: number): boolean {
  return rung > 1
}

/** Those that there are, for a merge. */
export function presentChunks({ open, closed, settled }: SpeedChunks): Uint8Array[] {
  return [open, closed, settled].filter((chunk) => chunk !== null)
}

/** Opens the stored state of an entity. Throws BLOB_DAMAGED, BLOB_TOO_NEW or BLOB_OTHER_LAYOUT. */
export function openState(plan: ViewPlan, { open, closed, settled }: SpeedChunks): EntityState {
  const state: EntityState = {
    open: open === null ? startChunk(plan, OPEN_CHUNK) : GrowableBytes.copyOf(open),
    isOpenChanged: false,
    closed: { bytes: closed, edit: null, isChanged: false },
    settled: { bytes: settled, edit: null, isChanged: false },
    logTimeMs: NONE, droppedThroughEpoch: NONE, reshapeAtMs: NONE,
  }
  readHeader(plan, state, open, OPEN_CHUNK)
  readHeader(plan, state, closed, CLOSED_CHUNK)
  readHeader(plan, state, settled, SETTLED_CHUNK)
  if (state.logTimeMs !== NONE) state.reshapeAtMs = nextReshapeMs(plan, state.logTimeMs)
  return state
}

function readHeader(plan: ViewPlan, state: EntityState, bytes: Uint8Array | null, kind: ChunkKind): void {
  if (bytes === null) return
  verifyChunk(plan, bytes, kind)
  const view = viewOf(bytes)
  state.logTimeMs = Math.max(state.logTimeMs, view.getFloat64(AT_LOG_TIME, true))
  state.droppedThroughEpoch = Math.max(state.droppedThroughEpoch, view.getFloat64(AT_DROPPED, true))
}

function startChunk(plan: ViewPlan, kind: ChunkKind): GrowableBytes {
  const chunk = GrowableBytes.empty()
  chunk.extend(HEADER_BYTES)
  writeHeader(chunk.view, plan, kind, NONE, NONE)
  return chunk
}

/** A stored chunk as it is now; null: there is none. */
export function storedView({ bytes, edit }: StoredChunk): DataView | null {
  return edit?.view ?? (bytes === null ? null : viewOf(bytes))
}

/** A stored chunk, to be changed in place. */
export function editStored(plan: ViewPlan, state: EntityState, name: 'closed' | 'settled'): GrowableBytes {
  const chunk = state[name]
  chunk.edit ??= chunk.bytes === null ? startChunk(plan, name === 'closed' ? CLOSED_CHUNK : SETTLED_CHUNK) : GrowableBytes.copyOf(chunk.bytes)
  chunk.bytes = null
  chunk.isChanged = true
  return chunk.edit
}

/** The chunks that changed since the state was opened or last encoded, sealed. Whenever one of them did, `open` is among them: it has the log time. */
export function encodeState(plan: ViewPlan, state: EntityState): ChangedChunks {
  const closed = encodeStored(plan, state, state.closed)
  const settled = encodeStored(plan, state, state.settled)
  if (!state.isOpenChanged && closed === null && settled === null) return {}
  state.isOpenChanged = false
  const open = encodeChunk(plan, state, state.open)
  return { open, ...(closed && { closed }), ...(settled && { settled }) }
}

function encodeStored(plan: ViewPlan, state: EntityState, chunk: StoredChunk): Uint8Array | null {
  if (chunk.edit === null || !chunk.isChanged) return null
  chunk.isChanged = false
  return encodeChunk(plan, state, chunk.edit)
}

function encodeChunk(plan: ViewPlan, { logTimeMs, droppedThroughEpoch }: EntityState, chunk: GrowableBytes): Uint8Array {
  const { view, length } = chunk
  view.setUint32(AT_BYTES, length, true)
  view.setFloat64(AT_LOG_TIME, logTimeMs, true)
  view.setFloat64(AT_DROPPED, droppedThroughEpoch, true)
  sealChunk(plan, view)
  return chunk.copy()
}
