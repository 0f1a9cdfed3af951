// A process takes the first name whose owner is gone.
import { expect, it } from '@jest/globals'
import { createEmbeddedRegisterStore } from '@tidemark/adapter-embedded/embedded-register-store'
import { openEmbeddedEnvironment } from '@tidemark/adapter-embedded/embedded-environment'
import { createNewRevision } from '@tidemark/machine/new-revision'
import { markOfThisProcess } from '@tidemark/machine/process-mark'
import type { RegisterStore } from '@tidemark/ports/register-store'
import type { Revision } from '@tidemark/ports/revision'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { claimMember } from './claim-member.ts'

it('passes over names of processes that run or may run, and takes those of the dead', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tidemark-member-'))
  try {
    await using environment = await openEmbeddedEnvironment({ folder, durability: 'process' })
    const registers = await createEmbeddedRegisterStore(environment, { newRevision: createNewRevision() })
    const [host, , start] = markOfThisProcess().split('-')
    const own = async (name: string, mark: string): Promise<unknown> => registers.compareAndSet(`member/${name}`, (await registers.read(`member/${name}`))?.revision ?? null, Buffer.from(mark))
    expect(await claimMember(registers, 'dev')).toBe('dev-1')
    // The same process again, as after a restart within it.
    expect(await claimMember(registers, 'dev')).toBe('dev-1')
    await own('dev-1', `${'0'.repeat(12)}-1-1`)
    await own('dev-2', `${host}-${process.ppid}-x`)
    expect(await claimMember(registers, 'dev')).toBe('dev-2')
    await own('dev-2', `${host}-999999999-${start}`)
    expect(await claimMember(registers, 'dev')).toBe('dev-2')
    expect(await claimMember(registers, 'other')).toBe('other-1')
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})

it('takes the next name where another process was faster', async () => {
  const other = Buffer.from(`${'0'.repeat(12)}-1-1`)
  let owned: { bytes: Uint8Array; revision: Revision } | null = null
  const registers = {
    read: (name: string) => Promise.resolve(name === 'member/dev-1' ? owned : null),
    compareAndSet: (name: string) => {
      if (name !== 'member/dev-1' || owned !== null) return Promise.resolve(2 as Revision)
      // Between the look at it and now.
      owned = { bytes: other, revision: 1 as Revision }
      return Promise.resolve(null)
    },
  }
  expect(await claimMember(registers as unknown as RegisterStore, 'dev')).toBe('dev-2')
})
