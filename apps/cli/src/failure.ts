// How a command ends: its exit code, and what is said of an error. Bad input is told as what, where and what to do, and never with
// a stack; anything else is a fault of this program, told with one and the request to report it. docs/cli.md lists the exit codes.
import { type ErrorCode, TidemarkError, type Problem } from '@tidemark/feature-schema/errors'
import { CommanderError } from 'commander'
import type { Colors, Output } from './output.ts'

export const EXIT = { ok: 0, no: 1, usage: 2, badInput: 3, outputFailed: 4, bug: 70 } as const

/** What the signal of an interrupted command carries; the shell's convention for its exit code is 128 + the signal's number. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted'
  readonly exitCode: number
  /** What was done before; null: nothing was written. */
  readonly done: string | null

  constructor(exitCode: number, done: string | null = null) {
    super('interrupted')
    this.exitCode = exitCode
    this.done = done
  }
}

/** A problem with how a command was called. */
export function usageError(message: string, where: string, action: string): TidemarkError {
  return problemError('USAGE', message, where, action)
}

export function problemError(code: ErrorCode, message: string, where: string, action: string, cause?: unknown): TidemarkError {
  return new TidemarkError([{ code, message, where, action }], cause === undefined ? undefined : { cause })
}

/** Tells an error to whoever ran the command, and gives back the exit code. */
export function tellFailure(output: Output, error: unknown): number {
  if (error instanceof Interrupted) {
    const { done } = error
    output.failure({ interrupted: true, ...(done !== null && { done }) }, `interrupted, ${done ?? 'nothing was written'}`)
    return error.exitCode
  }
  if (error instanceof CommanderError) return tellCommanderError(output, error)
  // What went wrong first; that what it used could not be closed either follows from it.
  if (error instanceof SuppressedError) return tellFailure(output, error.suppressed)
  if (error instanceof TidemarkError) {
    output.failure({ error: { code: error.code, problems: error.problems } }, problemsText(output.errorColors, error.problems))
    return exitCodeOf(error.code)
  }
  return tellBug(output, error)
}

/** The problems as people read them: what is wrong, then where and what to do. */
export function problemsText({ red, dim }: Colors, problems: readonly Problem[]): string {
  return problems
    .map(({ code, message, where, action }) => `${red('error')} ${message} ${dim(`[${code}]`)}\n  where  ${where}\n  do     ${action}`)
    .join('\n\n')
}

function exitCodeOf(code: ErrorCode): number {
  if (code === 'USAGE') return EXIT.usage
  return code === 'OUTPUT_FAILED' ? EXIT.outputFailed : EXIT.badInput
}

/** Commander has already written help or its version where it ends without an error. */
function tellCommanderError(output: Output, { exitCode, message }: CommanderError): number {
  if (exitCode === 0) return EXIT.ok
  // Help that nobody asked for, after a command that has subcommands.
  if (message === '(outputHelp)') return EXIT.usage
  const [said, ...advice] = message.replace(/^error: /, '').replace('(Did you mean', 'Did you mean').replace('?)', '?').split('\n')
  const action = [...advice, '`tidemark help COMMAND` shows the options of a command.'].join(' ')
  const problem: Problem = { code: 'USAGE', message: sentence(said ?? message), where: 'command line', action }
  output.failure({ error: { code: 'USAGE', problems: [problem] } }, problemsText(output.errorColors, [problem]))
  return EXIT.usage
}

function sentence(text: string): string {
  const capital = text.charAt(0).toUpperCase() + text.slice(1)
  return /[.?!]$/.test(capital) ? capital : `${capital}.`
}

function tellBug(output: Output, error: unknown): number {
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error)
  const action = 'This is a fault of tidemark, not of your input. Please report it with the command that you ran and the text below.'
  output.failure({ bug: { message: error instanceof Error ? error.message : String(error), action, stack } }, `${output.errorColors.red('unexpected error')} ${action}\n\n${stack}`)
  return EXIT.bug
}
