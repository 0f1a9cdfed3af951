// A large answer leaves in pieces: making bytes of all of its text, and giving them to the system, are turns of the event loop that everything
// else would wait for. A client that is slow to take them is waited for, by its own answer only, whatever the deadline of its request was.

import type { ServerResponse } from 'node:http'
import { pipeline } from 'node:stream/promises'
import { inSlices, type Slices } from '@tidemark/pipelines/serve/sliced-work'
import { after, type Soon } from '@tidemark/ports/soon'
import type { AnswerJson, EntityJson } from './answer-json.ts'

/** Of what leaves at once, in characters or bytes. */
const PIECE_SIZE_BYTES = 64 * 2 ** 10

/** All of an answer that is small enough to leave at once; null: it is not. */
export function textOf({ head, entities, tail }: AnswerJson): string | null {
  let size = head.length + tail.length
  for (const entity of entities) {
    if (typeof entity !== 'string' || (size += entity.length) > PIECE_SIZE_BYTES) return null
  }
  return `${head}${entities.join()}${tail}`
}

/** Its bytes in order, in pieces of whole entities: each ends with the one that makes it large enough. */
export function piecesOf({ head, entities, tail }: AnswerJson, slices: Slices): Soon<readonly Buffer[]> {
  const pieces: Buffer[] = []
  let parts: EntityJson[] = [head]
  let size = head.length
  const endPiece = (): void => {
    pieces.push(Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : part))));
    [parts, size] = [[], 0]
  }
  const ended = inSlices(entities, () => slices.pause(), (entity, i) => {
    if (size >= PIECE_SIZE_BYTES) endPiece()
    if (i > 0) parts.push(',')
    parts.push(entity)
    size += entity.length
  })
  return after(ended, () => {
    parts.push(tail)
    endPiece()
    return pieces
  })
}

/** Answers with status 200. Ends when all of it was taken, or when the client hung up. */
export async function sendPieces(response: ServerResponse, pieces: readonly Buffer[], slices: Slices): Promise<void> {
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': pieces.reduce((sum, { length }) => sum + length, 0) })
  const inSlicesOfAll = async function* (): AsyncGenerator<Buffer> {
    for (const piece of pieces) {
      yield piece
      await slices.pause()
    }
  }
  // Its head has left: there is nobody to tell that the client did not wait for the rest.
  await pipeline(inSlicesOfAll, response).catch(() => undefined)
}
