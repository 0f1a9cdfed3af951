// `tidemark migrate --servers`: the tables of the services, made or brought up, before a release of the services comes.
import type { Command } from 'commander'
import { withOpened } from '../data-folder.ts'
import { usageError } from '../failure.ts'
import type { Output } from '../output.ts'

export function addMigrateCommand(program: Command, output: Output): void {
  program
    .command('migrate')
    .summary('make the tables of the services, or bring those of an older release up')
    .description('Makes the keyspace, where the settings say how often it is kept, and its tables, or brings those of an older release up. Services do the same as they come; where several come at once, one that has done it before spares them that.')
    .option('--servers', 'the servers that the environment names, by the settings of the services; there are no others')
    .addHelpText('after', '\nExample:\n  tidemark migrate --servers')
    .action(async ({ servers = false }: { readonly servers?: boolean }) => {
      if (!servers) throw usageError('A folder has no tables: `tidemark dev` makes and brings up what it needs.', 'tidemark migrate', 'Write --servers, in an environment with the settings of the services.')
      const answer = await withOpened(async (signal) => {
        const { openRegistersToWrite } = await import('../server-stores.ts')
        return openRegistersToWrite(process.env, signal)
      }, ({ namespace, keyspace }) => Promise.resolve({ servers: namespace, keyspace }))
      output.answer(answer, () => `${output.colors.green('migrated')} keyspace ${answer.keyspace}: it has the tables of this release`)
    })
}
