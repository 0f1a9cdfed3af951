#!/usr/bin/env node
// Starts the command under Node 24 wherever it is called from: an older Node runs the same arguments with the workspace's own binary.
import module from 'node:module'
import { nodeMajorMin, runWithOwnNode } from './own-node.js'

if (Number.parseInt(process.versions.node, 10) >= nodeMajorMin) {
  // Node keeps what it made of the sources, in its own folder among the temporary ones: a third of the time to start.
  module.enableCompileCache()
  await import('../src/main.ts')
} else {
  runWithOwnNode(process.argv.slice(2))
}
