// npm run demo: three million real flights through the whole system, and every answer held against brute-force SQL over the raw file.
import { constants } from 'node:os'
import pc from 'picocolors'
import { TidemarkError } from '@tidemark/feature-schema/errors'
import { ServersError } from '@tidemark/servers/servers-error'
import { readDemoOptions } from './demo-options.ts'
import { runEmbeddedDemo } from './embedded/embedded-demo.ts'
import { runRealDemo } from './real/real-demo.ts'
import { ServiceEnded } from '@tidemark/servers/service-process'

/** The first of these ends what runs, which cleans up; a second one, a second later, ends the process. That nobody reads the output any more ends it too. */
function listenForInterrupts(): AbortSignal {
  const controller = new AbortController()
  let abortedAtMs = 0
  const interrupt = (name: NodeJS.Signals): void => {
    process.exitCode = 128 + constants.signals[name]
    abortedAtMs = performance.now()
    controller.abort(new Error('The demo was interrupted.'))
  }
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => {
      if (controller.signal.aborted && performance.now() - abortedAtMs > 1_000) process.exit(128 + constants.signals[name])
      interrupt(name)
    })
  }
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', () => {
      if (!controller.signal.aborted) interrupt('SIGPIPE')
    })
  }
  return controller.signal
}

const options = readDemoOptions(process.argv.slice(2))
const signal = listenForInterrupts()
try {
  const figures = await (options.real ? runRealDemo : runEmbeddedDemo)(options, signal)
  // Whoever started this with a channel to it, as the benchmark does, wants to know.
  process.send?.(figures)
} catch (error) {
  if (signal.aborted) console.error(pc.dim(options.real ? 'interrupted; its services, servers and temporary folders are gone' : 'interrupted; its temporary folder is gone'))
  else if (error instanceof TidemarkError) {
    for (const { code, message, where, action } of error.problems) console.error(`${pc.red('error')} ${message} [${code}]\n  where  ${where}\n  do     ${action}`)
    process.exitCode = 1
  } else if (error instanceof ServersError || error instanceof ServiceEnded) {
    console.error(`${pc.red('error')} ${error.message}`)
    process.exitCode = 1
  } else throw error
}
