// What the demo is told on its command line.
import { Command, InvalidArgumentError } from 'commander'

export interface DemoOptions {
  readonly real: boolean
  readonly serve: boolean
  readonly port: number
  readonly seed: number
}

const SEED_MAX = 2 ** 31 - 1

/** Ends the process where help is asked for, or where something is wrong, which it says. */
export function readDemoOptions(argv: readonly string[]): DemoOptions {
  const program = new Command('npm run demo --')
    .description('Three million real flights through log, archive, batch, stream and serving, every answer held against brute-force SQL.')
    .option('--real', 'on the real servers, each layer a process of its own; default: embedded, in one process', false)
    .option('--serve', 'keep the HTTP API up afterwards, on loopback, until Ctrl-C', false)
    .option('--port <port>', 'port of the API; 0: any that is free', wholeNumber(65_535), 8080)
    .option('--seed <number>', 'of which flights are late, by how much, and what is asked', wholeNumber(SEED_MAX), 2001)
    .allowExcessArguments(false)
    .showHelpAfterError('(--help says what there is)')
  return program.parse(argv, { from: 'user' }).opts<DemoOptions>()
}

function wholeNumber(max: number): (text: string) => number {
  return (text) => {
    const number = /^\d{1,10}$/.test(text) ? Number(text) : NaN
    if (number <= max) return number
    throw new InvalidArgumentError(`It is no whole number from 0 to ${max}.`)
  }
}
