import { describe, expect, it } from '@jest/globals'
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import packageJson from '../package.json' with { type: 'json' }

const stub = join(import.meta.dirname, '..', 'bin', 'tidemark.js')

describe('the tidemark command', () => {
  it('tells its version', async () => {
    const { stdout } = await promisify(execFile)(process.execPath, [stub, '--version'])
    expect(stdout.trim()).toBe(packageJson.version)
  })
})
