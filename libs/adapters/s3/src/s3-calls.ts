// How calls go to an S3 server: a bounded number at once and in wait, each with its timeouts, and again after a pause where that is safe. The
// client itself tries nothing again: it would repeat a conditional put whose first answer was lost, and tell its own object as another's.

import { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3'
import { NodeHttpHandler } from '@smithy/node-http-handler'
import { createTurns, type TakeTurn, type TurnLoad } from '@tidemark/call-turns/call-turns'
import { ExponentialBackoff, handleWhen, retry } from 'cockatiel'
import type { ETag } from '@tidemark/ports/object-store'
import { asTidemarkError, isConditionFailed, isPassing, isUploadGone, mayHaveArrived, unknownOutcome } from './s3-errors.ts'

export interface S3Credentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken?: string
}

export interface S3Server {
  /** `https://s3.example.com:9000`; AWS's own of the region where it is left away. */
  readonly endpoint?: string
  readonly region: string
  /** Asked again before they expire where a function gives them; those that AWS's own tools find where they are left away. */
  readonly credentials?: S3Credentials | (() => Promise<S3Credentials & { readonly expiration?: Date }>)
  /** Names the bucket in the path, as most servers but AWS's own want it. Default: where an endpoint is given. */
  readonly isPathStyle?: boolean
  /** PEM: whom to trust beside the system's authorities' stead, and what this client shows of itself. */
  readonly tls?: { readonly ca?: string; readonly cert?: string; readonly key?: string }
  readonly connectTimeoutMs?: number
  /** From sending to the beginning of an answer, and without a byte more of either; a part of a large object counts as one request. */
  readonly answerTimeoutMs?: number
}

const CONNECT_TIMEOUT_MS = 5_000
const ANSWER_TIMEOUT_MS = 30_000
/** Connections, and with them calls at once; those that wait are given up once none has succeeded for as long as a call and its repetitions may take. */
const CALLS_AT_ONCE_MAX = 50
const CALLS_WAITING_MAX = 10_000
/** After the first attempt; pauses with jitter grow from the first of these to the second. */
const RETRIES_MAX = 3
const RETRY_FIRST_MS = 50
const RETRY_MAX_MS = 2_000

/** A conditional put: how to make it, and how to find out whether what is there is what it put. */
export interface ConditionalWrite {
  readonly where: string
  /** The tag of what was put. */
  readonly attempt: () => Promise<ETag | undefined>
  /** What is there, and whether this write put it; null: nothing is there. */
  readonly find: () => Promise<FoundObject | null>
}

export interface FoundObject {
  readonly etag: ETag
  readonly isOwn: boolean
}

/** What a condition failed for is not there: a server was still giving up the attempt before. */
class NothingThereError extends Error {}

export class S3Calls implements Disposable {
  readonly client: S3Client
  readonly #takeTurn: TakeTurn
  readonly #retry = retry(handleWhen((error) => isPassing(error) || error instanceof NothingThereError), { maxAttempts: RETRIES_MAX, backoff: new ExponentialBackoff({ initialDelay: RETRY_FIRST_MS, maxDelay: RETRY_MAX_MS }) })

  constructor(server: S3Server) {
    this.client = new S3Client(clientConfig(server))
    this.#takeTurn = createTurns({ atOnceMax: CALLS_AT_ONCE_MAX, waitingMax: CALLS_WAITING_MAX, stallMaxMs: (1 + RETRIES_MAX) * (server.answerTimeoutMs ?? ANSWER_TIMEOUT_MS) })
  }

  /** How many calls wait for a turn. */
  load(): TurnLoad {
    return this.#takeTurn.load()
  }

  /** One attempt, with the client's own errors: whatever reads the answer belongs into `call`. */
  once<T>(call: (client: S3Client) => Promise<T>): Promise<T> {
    return this.#takeTurn(() => call(this.client))
  }

  /** For what may be done twice. Coded errors. */
  async retried<T>(where: string, call: (client: S3Client) => Promise<T>): Promise<T> {
    try {
      return await this.#retry.execute(() => this.once(call))
    } catch (error) {
      throw asTidemarkError(error, where)
    }
  }

  /**
   * The tag of what was put; null: the condition does not hold. Once an answer was lost, a condition that no longer holds may be this very
   * write's doing, also where somebody has replaced it since: what cannot be told is STORE_UNAVAILABLE, and never "somebody else has it".
   */
  async writeOnce({ where, attempt, find }: ConditionalWrite): Promise<ETag | null> {
    let isInDoubt = false
    try {
      return await this.#retry.execute(async () => {
        try {
          const etag = await this.once(attempt)
          if (etag === undefined) throw new Error(`${where}: the server gave no tag for what was put.`)
          return etag
        } catch (error) {
          if (!isInDoubt && isConditionFailed(error)) return null
          if (isInDoubt && (isConditionFailed(error) || isUploadGone(error))) {
            const found = await find()
            if (found === null) throw new NothingThereError()
            if (!found.isOwn) throw unknownOutcome(where)
            return found.etag
          }
          isInDoubt ||= mayHaveArrived(error)
          throw error
        }
      })
    } catch (error) {
      throw error instanceof NothingThereError ? unknownOutcome(where) : asTidemarkError(error, where)
    }
  }

  [Symbol.dispose](): void {
    this.client.destroy()
  }
}

function clientConfig({ endpoint, region, credentials, isPathStyle = endpoint !== undefined, tls, ...timeouts }: S3Server): S3ClientConfig {
  const { connectTimeoutMs = CONNECT_TIMEOUT_MS, answerTimeoutMs = ANSWER_TIMEOUT_MS } = timeouts
  const agent = { keepAlive: true, maxSockets: CALLS_AT_ONCE_MAX }
  return {
    region,
    forcePathStyle: isPathStyle,
    // One attempt, whose error stays as it is.
    retryStrategy: { retry: (next, args) => next(args) },
    // Sums are given with what is put, and checked when it is read: the client need not compute them again.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: new NodeHttpHandler({
      connectionTimeout: connectTimeoutMs,
      requestTimeout: answerTimeoutMs,
      throwOnRequestTimeout: true,
      socketTimeout: answerTimeoutMs,
      httpAgent: new HttpAgent(agent),
      httpsAgent: new HttpsAgent({ ...agent, ...tls }),
    }),
    ...(endpoint !== undefined && { endpoint }),
    ...(credentials !== undefined && { credentials }),
  }
}
