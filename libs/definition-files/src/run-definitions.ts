// Runs a definitions file, and says what it exports that is a definition, to whoever is in another thread.

import { checkDefinitions } from '@tidemark/feature-schema/check-definitions'
import { collectDefinitions } from '@tidemark/feature-schema/collect-definitions'
import { TidemarkError } from '@tidemark/feature-schema/errors'
import { importDefinitions } from './import-definitions.ts'
import type { LoadedModule } from './load-module.ts'

/** `say` throws where it cannot be told. What the file printed is with whoever prints it by then: this thread may be ended. */
export async function runDefinitions(path: string, say: (loaded: LoadedModule) => void): Promise<void> {
  try {
    const definitions = collectDefinitions(Object.values(await importDefinitions(path)))
    await printed()
    try {
      say({ definitions })
    } catch (error) {
      // Something in them is no data, such as a function: that is wrong in any definition.
      const [first, ...others] = checkDefinitions(definitions)
      if (first === undefined) throw error
      say({ problems: [first, ...others] })
    }
  } catch (error) {
    if (!(error instanceof TidemarkError)) throw error
    const [first, ...others] = error.problems
    await printed()
    say({ problems: [first!, ...others] })
  }
}

async function printed(): Promise<void> {
  for (const stream of [process.stdout, process.stderr]) await new Promise((resolve) => stream.write('', resolve))
}
