// `tidemark check`: everything that is wrong with definitions, at once.
import { placeProblem } from '@tidemark/definition-files/load-definitions'
import { checkDefinitions } from '@tidemark/feature-schema/check-definitions'
import type { Definitions } from '@tidemark/feature-schema/definition'
import { type Problem, TidemarkError } from '@tidemark/feature-schema/errors'
import type { Command } from 'commander'
import { EXIT, problemsText } from '../failure.ts'
import { loadDefinitions } from '../load-definitions.ts'
import { counted, type Output } from '../output.ts'

export function addCheckCommand(program: Command, output: Output): void {
  program
    .command('check')
    .summary('say everything that is wrong with definitions')
    .description('Says everything that is wrong with definitions, each thing with its place and what to do. Exits with 1 where there is something.')
    .argument('<file...>', 'definitions: .ts files that export them, or .json files')
    .addHelpText('after', '\nExample:\n  tidemark check features.ts')
    .action(async (files: readonly string[]) => {
      const checked: CheckedFile[] = []
      for (const file of files) checked.push(await checkFile(file))
      output.answer({ ok: checked.every(({ ok }) => ok), files: checked }, () => checked.map((file) => fileText(output, file)).join('\n\n'))
      const problems = checked.flatMap((file) => file.problems)
      if (problems.some(({ code }) => code === 'INPUT_UNREADABLE')) process.exitCode = EXIT.badInput
      else if (problems.length > 0) process.exitCode = EXIT.no
    })
}

interface CheckedFile {
  readonly file: string
  readonly ok: boolean
  /** null where the file could not be read. */
  readonly counts: Readonly<Record<'sources' | 'views' | 'features' | 'services', number>> | null
  readonly problems: readonly Problem[]
}

async function checkFile(file: string): Promise<CheckedFile> {
  try {
    const definitions = await loadDefinitions(file)
    const problems = checkDefinitions(definitions).map((problem) => placeProblem(file, problem))
    return { file, ok: problems.length === 0, counts: countsOf(definitions), problems }
  } catch (error) {
    if (!(error instanceof TidemarkError)) throw error
    return { file, ok: false, counts: null, problems: error.problems }
  }
}

function countsOf({ sources, views, services }: Definitions): NonNullable<CheckedFile['counts']> {
  const features = views.flatMap(({ aggregations }) => aggregations.flatMap(({ windows }) => windows)).length
  return { sources: sources.length, views: views.length, features, services: services.length }
}

function fileText(output: Output, { file, ok, counts, problems }: CheckedFile): string {
  const { green, red } = output.colors
  if (!ok || counts === null) return `${red('not sound')} ${file}: ${counted(problems.length, 'problem')}\n\n${problemsText(output.colors, problems)}`
  const { sources, views, features, services } = counts
  const what = [counted(sources, 'source'), counted(views, 'view'), counted(features, 'feature'), counted(services, 'service')].join(', ')
  return `${green('sound')} ${file}: ${what}`
}
