// The tidemark command: reads the arguments, runs a command, says what went wrong, and ends with the exit code of docs/cli.md.
import { Command } from 'commander'
import packageJson from '../package.json' with { type: 'json' }
import { addAppendTimeCommand } from './commands/append-time.ts'
import { addApplyCommand } from './commands/apply.ts'
import { addBatchCommand } from './commands/batch-run.ts'
import { addCheckCommand } from './commands/check.ts'
import { addCompareCommand } from './commands/compare.ts'
import { addDeadLettersCommand } from './commands/dead-letters.ts'
import { addDevCommand } from './commands/dev.ts'
import { addFeaturesCommand } from './commands/features-get.ts'
import { addInitCommand } from './commands/init.ts'
import { addKeysCommand } from './commands/keys.ts'
import { addMigrateCommand } from './commands/migrate.ts'
import { addPlanCommand } from './commands/plan.ts'
import { addPointerCommand } from './commands/pointer.ts'
import { addReplayCommand } from './commands/replay.ts'
import { addTrainingSetCommand } from './commands/training-set.ts'
import { addViewsCommand } from './commands/views.ts'
import { EXIT, tellFailure, usageError } from './failure.ts'
import { createOutput, type Output } from './output.ts'
import { createProgress, type Progress } from './progress.ts'

const args = process.argv.slice(2)
const output = createOutput(args.includes('--json'), process.stdout, process.stderr, process.env)
leaveQuietlyWithoutReader()

try {
  const program = createProgram(output, () => createProgress(output, process.stderr))
  if (args.length === 0) program.outputHelp()
  else await program.parseAsync(args, { from: 'user' })
} catch (error) {
  process.exitCode = tellFailure(output, error)
  // What was begun and is not waited for any more, a call to a server that says nothing, does not keep the process.
  process.stderr.write('', () => process.stdout.write('', () => process.exit()))
}

function createProgram(output: Output, startProgress: () => Progress): Command {
  const program = new Command('tidemark')
    .description('Tidemark: features for online models, the same in batch, in the stream and in training sets.')
    .version(packageJson.version)
    .helpCommand(false)
    .addHelpText('after', '\nBegin with a small project of your own:\n  tidemark init my-features\n\nExit codes, times and formats: docs/cli.md')
  addInitCommand(program, output)
  addCheckCommand(program, output)
  addPlanCommand(program, output)
  addDevCommand(program, output)
  addApplyCommand(program, output)
  addViewsCommand(program, output)
  addBatchCommand(program, output)
  addPointerCommand(program, output)
  addDeadLettersCommand(program, output)
  addAppendTimeCommand(program, output)
  addKeysCommand(program, output)
  addMigrateCommand(program, output)
  addFeaturesCommand(program, output, startProgress)
  addTrainingSetCommand(program, output, startProgress)
  addReplayCommand(program, output, startProgress)
  addCompareCommand(program, output, startProgress)
  program
    .command('help')
    .summary('show the options of a command')
    .argument('[command...]', 'its words: features get')
    .action((words: readonly string[]) => helpFor(program, words))
  for (const command of commandsOf(program)) {
    command.exitOverride().configureOutput({ outputError: () => undefined }).helpCommand(false)
    if (command.commands.length === 0 && command.name() !== 'help') command.option('--json', 'one JSON document on stdout, errors too')
  }
  return program
}

function commandsOf(command: Command): Command[] {
  return [command, ...command.commands.flatMap(commandsOf)]
}

function helpFor(program: Command, words: readonly string[]): void {
  const found = words.reduce<Command | undefined>((command, word) => command?.commands.find((each) => each.name() === word), program)
  if (found === undefined) {
    throw usageError(`There is no command ${words.join(' ')}.`, 'tidemark help', 'Write `tidemark help` to see the commands.')
  }
  found.outputHelp()
}

/** A reader that has seen enough (`| head`) closes the pipe: no error. Any other failure to print is told, and is one of output. */
function leaveQuietlyWithoutReader(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit()
    process.stderr.write(`error The answer cannot be written: ${error.message}. [OUTPUT_FAILED]\n`)
    process.exit(EXIT.outputFailed)
  })
  process.stderr.on('error', () => {
    process.exit()
  })
}
