import { describe, expect, it } from '@jest/globals'
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { SERVER_NAMES } from './names.ts'
import { DEFAULT_PORTS, findFreePorts, isFree, LOOPBACK, PORT_NAMES, portNamesOf, portsFrom } from './ports.ts'

describe('the ports of a set', () => {
  it('are each of exactly one server', () => {
    expect(SERVER_NAMES.flatMap(portNamesOf).sort()).toEqual([...PORT_NAMES].sort())
  })

  it('differ from each other, the usual ones too', () => {
    for (const ports of [DEFAULT_PORTS, portsFrom(20_000)]) expect(new Set(Object.values(ports)).size).toBe(PORT_NAMES.length)
  })

  it('follow the first one', () => {
    const ports = portsFrom(20_000)
    expect(PORT_NAMES.map((name) => ports[name])).toEqual(PORT_NAMES.map((_, index) => 20_000 + index))
  })
})

describe('findFreePorts', () => {
  it('passes over a port that is taken, and over one drawn twice', async () => {
    const server = createServer().listen(0, LOOPBACK)
    await once(server, 'listening')
    const taken = (server.address() as AddressInfo).port
    try {
      expect(await isFree(taken)).toBe(false)
      // Draws come as fractions of the range that begins at 15,000 and has 17,000 ports.
      const fractionOf = (port: number): number => (port - 15_000 + 0.5) / 17_000
      const draws = [taken, taken, ...Array.from({ length: 400 }, (_, index) => 16_000 + Math.floor(index / 2))].map(fractionOf)
      let drawCount = 0
      const ports = Object.values(await findFreePorts(() => draws[drawCount++]!))
      expect(new Set(ports).size).toBe(PORT_NAMES.length)
      expect(ports).not.toContain(taken)
      expect(await Promise.all(ports.map(isFree))).not.toContain(false)
    } finally {
      server.close()
    }
  })
})
