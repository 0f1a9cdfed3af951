// Events from the archive of a folder, in place of event files.
import type { Definitions, SourceDefinition } from '@tidemark/feature-schema/definition'
import type { EventInput } from '@tidemark/ports/batch-engine'
import { withFolder } from './data-folder.ts'
import { checkRegistered } from '@tidemark/pipelines/definitions/definition-registry'
import type { Engine } from './engine.ts'
import { problemError, usageError } from './failure.ts'

interface ArchiveOptions {
  readonly data?: string
  readonly format?: string
  readonly appendTime?: string
}

/**
 * Runs `work` on the archive's events of each source, by its name, on the folder's own engine. What it gives, and until when each source is sealed
 * (epoch ms, by append time). Throws USAGE, INPUT_UNREADABLE where nothing is sealed, and what opening the folder and its objects throws.
 */
export async function withArchive<T>(
  { data, format, appendTime }: ArchiveOptions, definitions: Definitions, sources: readonly SourceDefinition[],
  work: (engine: Engine, inputs: ReadonlyMap<string, EventInput>, signal: AbortSignal) => Promise<T>,
): Promise<{ readonly result: T; readonly sealedUntilMs: ReadonlyMap<string, number> }> {
  const excluded = Object.entries({ format, 'append-time': appendTime }).flatMap(([name, value]) => (value === undefined ? [] : [`--${name}`]))
  if (excluded.length > 0) throw usageError(`--data and ${excluded.join(' and ')} exclude each other.`, excluded.join(' '), 'An archive knows its format and its append times.')
  return withFolder(data!, async (ports, signal) => {
    await checkRegistered(ports.registers, definitions)
    const { openSealedArchive } = await import('@tidemark/embedded-system/archive-and-batch')
    await using opened = new AsyncDisposableStack()
    const inputs = new Map<string, EventInput>()
    const sealedUntilMs = new Map<string, number>()
    for (const source of sources) {
      const archive = await openSealedArchive(ports, source)
      if (archive === null) {
        throw problemError('INPUT_UNREADABLE', `No epoch of source ${source.name} is sealed in the archive.`, data!,
          'An epoch is sealed once it is over and its records are archived: `tidemark batch run` does it, and `tidemark dev` by itself.')
      }
      opened.use(archive)
      inputs.set(source.name, archive.input)
      sealedUntilMs.set(source.name, archive.sealedUntilMs)
    }
    return { result: await work(ports.engine, inputs, signal), sealedUntilMs }
  })
}
