// Runs the command with the workspace's own Node, from an older one: in its place where that Node can do so, else as its child, which ends with it.
import { spawn } from 'node:child_process'
import { createRequire } from 'node:module'
import { constants } from 'node:os'
import { dirname, join } from 'node:path'

export const nodeMajorMin = 24

/** @param {readonly string[]} args of the command */
export function runWithOwnNode(args) {
  const node = join(dirname(createRequire(import.meta.url).resolve('node/package.json')), 'bin', 'node')
  // Of Node 22.15 and later.
  if (typeof process.execve === 'function') replaceBy(node, args)
  else runAsChild(node, args)
}

/**
 * Nothing of this process is left but its id, its streams and its place in its group; who stops it stops the command.
 *
 * @param {string} node its path
 * @param {readonly string[]} args of the command
 */
export function replaceBy(node, args) {
  process.execve(node, [node, join(import.meta.dirname, 'tidemark.js'), ...args])
}

/**
 * @param {string} node its path
 * @param {readonly string[]} args of the command
 */
export function runAsChild(node, args) {
  // Of the pipe, nothing is ever written; that it is closed tells the child that this process is gone, however that came.
  const child = spawn(node, [join(import.meta.dirname, 'child.js'), ...args], { stdio: ['inherit', 'inherit', 'inherit', 'pipe'] })
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
