// The engine that commands compute with, and how it ends with them: an interrupt disposes it, which stops the query that runs.
import type { createDuckDbBatchEngine } from '@tidemark/adapter-duckdb/duckdb-batch-engine'
import { listenForInterrupts } from './interrupt.ts'

export type Engine = Awaited<ReturnType<typeof createDuckDbBatchEngine>>

/** Runs `work` with an engine of its own and a signal that Ctrl-C aborts; then it throws `Interrupted`, whatever the stopped query says. */
export async function withEngine<T>(work: (engine: Engine, signal: AbortSignal) => Promise<T>): Promise<T> {
  using interrupts = listenForInterrupts()
  const { signal } = interrupts
  // Loaded here, so that commands which compute nothing start without the database.
  const { createDuckDbBatchEngine } = await import('@tidemark/adapter-duckdb/duckdb-batch-engine')
  await using engine = await createDuckDbBatchEngine()
  const stop = (): void => void engine[Symbol.asyncDispose]()
  signal.addEventListener('abort', stop)
  try {
    signal.throwIfAborted()
    return await work(engine, signal)
  } catch (error) {
    signal.throwIfAborted()
    throw error
  } finally {
    signal.removeEventListener('abort', stop)
  }
}
