import { expect, it } from '@jest/globals'
import type { Command } from 'ioredis'
import { packCall, sendPacked } from './packed-command.ts'
import type { RedisClient } from './redis-connection.ts'

it('a packed command is sent as it is whenever it is sent, and a Cluster finds its server by its key', async () => {
  const call = packCall('evalsha', ['5ha', '1', 'a{slot}'], (to) => ['5ha', '1', 'a{slot}', 'rest'].forEach((text) => to.text(text)))
  const client = {
    sendCommand(command: Command) {
      const sent = command.toWritable({})
      expect(sent.toString()).toBe('*5\r\n$7\r\nevalsha\r\n$3\r\n5ha\r\n$1\r\n1\r\n$7\r\na{slot}\r\n$4\r\nrest\r\n')
      // What a Cluster's pipeline does with a command before it sends it again.
      ;(command as unknown as { initPromise(): void }).initPromise()
      expect(command.toWritable({})).toBe(sent)
      expect(command.getKeys()).toEqual(['a{slot}'])
      command.resolve([Buffer.from('reply'), null])
      return command.promise
    },
  }
  await expect(sendPacked(client as unknown as RedisClient, call)).resolves.toEqual([Buffer.from('reply'), null])
})
