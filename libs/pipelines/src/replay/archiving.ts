// A replay's archiver at work beside its stream, so that a generation finds nearly everything archived. Its clock is not the stream's: it stands where
// everything is appended up to, so that no epoch is sealed by the clock before all of it is in the log.

import type { SourcePipeline } from '../lambda/source-pipeline.ts'

/** Records that are worth waking the archiver for. */
const WORTH_COUNT = 5_000

export class Archiving {
  private readonly pipeline: Pick<SourcePipeline, 'drainArchive'>
  private readonly signal: AbortSignal | undefined
  private running: Promise<void> | null = null
  private failure: { readonly error: unknown } | null = null
  private waitingCount = 0

  constructor(pipeline: Pick<SourcePipeline, 'drainArchive'>, signal: AbortSignal | undefined) {
    this.pipeline = pipeline
    this.signal = signal
  }

  /** Records were appended: goes on in a while, beside whatever comes next. Throws what it failed with before. */
  appended(count: number): void {
    if (this.failure !== null) throw this.failure.error
    this.waitingCount += count
    if (this.waitingCount < WORTH_COUNT || this.running !== null) return
    this.waitingCount = 0
    this.running = this.pipeline.drainArchive(this.signal)
      .catch((error: unknown) => void (this.failure = { error }))
      .finally(() => void (this.running = null))
  }

  /** Archives everything that the log has by now, and seals what can be sealed. */
  async finish(): Promise<void> {
    await this.end()
    if (this.failure !== null) throw this.failure.error
    await this.pipeline.drainArchive(this.signal)
  }

  /** Waits until nothing of it is at work; it is told to end by its signal. */
  async end(): Promise<void> {
    await this.running
  }
}
