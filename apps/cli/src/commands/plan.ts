// `tidemark plan`: what would be computed and kept, and what changes against definitions of before.
import { planView } from '@tidemark/aggregation/view-plan'
import { definitionsContentHash } from '@tidemark/feature-schema/content-hash'
import type { Definitions } from '@tidemark/feature-schema/definition'
import { serializeDefinitions } from '@tidemark/feature-schema/definitions-json'
import type { Command } from 'commander'
import { changesBetween, type DefinitionChange } from '@tidemark/pipelines/definitions/definition-changes'
import { filesOfModules } from '../dev/definition-file.ts'
import { EXIT } from '../failure.ts'
import { loadSoundDefinitions } from '../load-definitions.ts'
import { type Output, tableText } from '../output.ts'
import { describeView, viewText } from '../view-description.ts'
import { writeWhole } from '../write-file.ts'

interface PlanOptions {
  readonly out?: string
  readonly overwrite?: true
  readonly against?: string
}

export function addPlanCommand(program: Command, output: Output): void {
  program
    .command('plan')
    .summary('say what definitions would compute and keep')
    .description('Says what definitions would compute and keep: panes, slots, features, and how much state an entity can come to. With --against, what changes; then it exits with 1 where a version has to be raised.')
    .argument('<file>', 'definitions, .ts or .json')
    .option('--out <file>', 'write the definitions as JSON, which is enough to run them')
    .option('--overwrite', 'replace the output where there is one')
    .option('--against <file>', 'definitions of before, .json or .ts')
    .addHelpText('after', '\nExample:\n  tidemark plan features.ts --out features.json')
    .action(async (file: string, { out, overwrite, against }: PlanOptions) => {
      const definitions = await loadSoundDefinitions(file)
      const changes = against === undefined ? null : changesBetween(await loadSoundDefinitions(against), definitions)
      if (out !== undefined) writeWhole(out, serializeDefinitions(definitions), overwrite === true, [file, ...(against === undefined ? [] : [against])].flatMap(filesOfModules))
      const contentHash = definitionsContentHash(definitions)
      const views = plansOf(definitions).map(describeView)
      output.answer({ file, contentHash, views, services: definitions.services, ...(changes && { changes }), ...(out !== undefined && { out }) }, () => [
        `${file}: content hash ${contentHash}`,
        ...views.map((view) => viewText(output, view)),
        ...definitions.services.map(({ name, version, features }) => `${output.colors.bold(`service ${name}`)} version ${version}: ${features.map(({ view, feature }) => `${view}.${feature}`).join(', ')}`),
        ...(changes === null ? [] : [changesText(output, against!, changes)]),
        ...(out === undefined ? [] : [`${output.colors.green('written')} ${out}`]),
      ].join('\n\n'))
      if (changes?.some(({ change }) => change === 'meaning') === true) process.exitCode = EXIT.no
    })
}

function plansOf({ sources, views }: Definitions): ReturnType<typeof planView>[] {
  const sourceNamed = new Map(sources.map((source) => [source.name, source]))
  return views.map((view) => planView(view, sourceNamed.get(view.source)!))
}

const ADVICE: Readonly<Record<DefinitionChange['change'], string>> = {
  meaning: 'means something else: raise its version',
  version: 'has a new version',
  description: 'is only described otherwise',
  added: 'is new',
  removed: 'is gone',
}

function changesText({ colors }: Output, against: string, changes: readonly DefinitionChange[]): string {
  if (changes.length === 0) return `Nothing changes against ${against}.`
  const rows = changes.map(({ kind, name, change, parts }) => [`${kind} ${name}`, ADVICE[change], parts.join(', ')])
  return `${colors.bold(`Against ${against}`)}\n${tableText(colors, ['what', 'change', 'where'], rows)}`
}
