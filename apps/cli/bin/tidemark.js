#!/usr/bin/env node
// Starts the command under Node 24 wherever it is called from: an older Node runs the same arguments with the workspace's own binary.
import { spawn } from 'node:child_process'
import module, { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { constants } from 'node:os'

const nodeMajorMin = 24

if (Number.parseInt(process.versions.node, 10) >= nodeMajorMin) {
  // Node keeps what it made of the sources, in its own folder among the temporary ones: a third of the time to start.
  module.enableCompileCache()
  await import('../src/main.ts')
} else {
  const packageFolder = dirname(createRequire(import.meta.url).resolve('node/package.json'))
  const child = spawn(join(packageFolder, 'bin', 'node'), [import.meta.filename, ...process.argv.slice(2)], { stdio: 'inherit' })
  // A terminal sends its signals to the whole group, a supervisor only to this process.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  child.on('error', (error) => {
    console.error(`tidemark: Node ${nodeMajorMin} could not be started (${error.message}). Run "npm ci" at the root of the workspace.`)
    process.exitCode = 1
  })
  child.on('exit', (code, signal) => {
    process.exitCode = code ?? 128 + (signal ? constants.signals[signal] : 0)
  })
}
