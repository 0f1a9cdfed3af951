// A thread that waits for the parent's end of a pipe to close, and then ends the process: also where its main thread never comes back from a loop.
import { Socket } from 'node:net'

const PIPE_FD = 3

new Socket({ fd: PIPE_FD }).resume().on('error', end).on('close', end)

function end() {
  process.kill(process.pid, 'SIGKILL')
}
