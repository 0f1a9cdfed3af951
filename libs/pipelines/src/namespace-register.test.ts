import { describe, expect, it } from '@jest/globals'
import { claimRegisters, encodeNamespace, isClaimed, NAMESPACE_REGISTER } from './namespace-register.ts'
import { createPlainRegisters } from './testing/plain-stores.ts'

const WHERE = 'keyspace shop'

describe('registers are of one namespace', () => {
  it('the first that comes, and then of no other', async () => {
    const registers = createPlainRegisters()
    await claimRegisters(registers, 'shop', WHERE)
    await claimRegisters(registers, 'shop', WHERE)
    await expect(claimRegisters(registers, 'bank', WHERE)).rejects.toMatchObject({
      code: 'STORE_SETTINGS', problems: [{ message: 'It holds the registers of namespace shop, not of bank.', where: WHERE }],
    })
  })

  it('of nobody, where one only asks', async () => {
    const registers = createPlainRegisters()
    expect(await isClaimed(registers, 'bank', WHERE)).toBe(false)
    await claimRegisters(registers, 'shop', WHERE)
    expect(await isClaimed(registers, 'shop', WHERE)).toBe(true)
    await expect(isClaimed(registers, 'bank', WHERE)).rejects.toMatchObject({ code: 'STORE_SETTINGS' })
  })

  it('of one, where two come at the same time', async () => {
    const registers = createPlainRegisters()
    const claims = await Promise.allSettled(['shop', 'bank'].map((namespace) => claimRegisters(registers, namespace, WHERE)))
    expect(claims.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
  })

  it('of nobody, where nobody can say whose', async () => {
    const registers = createPlainRegisters()
    await registers.compareAndSet(NAMESPACE_REGISTER, null, Buffer.from(encodeNamespace('shop').toString().replace('shop', 'shoq')))
    await expect(claimRegisters(registers, 'shoq', WHERE)).rejects.toMatchObject({ code: 'STORE_DAMAGED' })
  })
})
