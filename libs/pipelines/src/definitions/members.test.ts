// Who is there: said, heard of, and forgotten.
import { expect, it } from '@jest/globals'
import type { RegisterStore } from '@tidemark/ports/register-store'
import { createPlainRegisters } from '../testing/plain-stores.ts'
import { decodeMembers, MEMBER_HEARD_MAX_MS, noteMember, readMembers, removeMember, type Member } from './members.ts'

const member = (name: string, seenAtMs: number, revision = 1): Member => ({ member: name, release: '0.1.0', startedAtMs: 0, revision, seenAtMs })
const DAY_MS = 86_400_000

it('hears of those who said that they are there, each once, and not of who left or was silent for long', async () => {
  const registers = createPlainRegisters()
  await noteMember(registers, 'archiver', member('a', 0))
  await noteMember(registers, 'archiver', member('b', 10))
  await noteMember(registers, 'archiver', member('a', 20, 2))
  expect(await readMembers(registers, 20)).toEqual(new Map([['archiver', [member('a', 20, 2), member('b', 10)]]]))
  expect(await readMembers(registers, 15 + MEMBER_HEARD_MAX_MS)).toEqual(new Map([['archiver', [member('a', 20, 2)]]]))
  await removeMember(registers, 'archiver', 'a', 20)
  await removeMember(registers, 'archiver', 'b', 20)
  expect(await readMembers(registers, 20)).toEqual(new Map())
})

it('is not filled by members whose names change each time', async () => {
  const registers = createPlainRegisters()
  await noteMember(registers, 'archiver', member('old', 0))
  await noteMember(registers, 'archiver', member('new', DAY_MS + 1))
  expect(decodeMembers((await registers.read('members/archiver'))!.bytes, 'here').members.map((each) => each.member)).toEqual(['new'])
})

it('is beside another one that said so at the same time', async () => {
  const registers = createPlainRegisters()
  let isFirst = true
  const compareAndSet: RegisterStore['compareAndSet'] = async (name, expected, bytes) => {
    if (isFirst) {
      isFirst = false
      await noteMember(registers, 'archiver', member('b', 10))
    }
    return registers.compareAndSet(name, expected, bytes)
  }
  await noteMember({ ...registers, compareAndSet }, 'archiver', member('a', 10))
  expect(await readMembers(registers, 10)).toEqual(new Map([['archiver', [member('a', 10), member('b', 10)]]]))
})

it('says it at its next turn where others are faster all the time', async () => {
  const registers = createPlainRegisters()
  await noteMember({ ...registers, compareAndSet: () => Promise.resolve(null) }, 'archiver', member('a', 0))
  expect(await readMembers(registers, 0)).toEqual(new Map())
})
