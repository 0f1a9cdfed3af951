// Whoever asks through the balancer sees each process that cuts a question off, since it is asked nothing twice; and none that says in time that it ends.
import { createServer, type RequestListener, type Server } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, it } from '@jest/globals'
import { ANSWERED_BY, Balancer } from './balancer.ts'

const servers: Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) server.close().closeAllConnections()
})

async function listening(handler: RequestListener): Promise<string> {
  const server = createServer(handler).listen(0, '127.0.0.1')
  servers.push(server)
  await once(server, 'listening')
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const answering: RequestListener = (asked, answer) => void asked.pipe(answer)

async function ask(balancer: Balancer): Promise<string> {
  const response = await fetch(balancer.url, { method: 'POST', body: 'hello' })
  return `${response.status} ${response.headers.get(ANSWERED_BY)} ${await response.text()}`
}

it('asks in turn, and not one that was taken out', async () => {
  await using balancer = await Balancer.open()
  expect(await ask(balancer)).toBe('503 null No process is ready.')
  for (const name of ['a', 'b']) await balancer.add({ name, url: await listening(answering), adminUrl: null })
  expect((await Promise.all([ask(balancer), ask(balancer)])).sort()).toEqual(['200 a hello', '200 b hello'])
  balancer.takeOut('a')
  expect(await Promise.all([ask(balancer), ask(balancer)])).toEqual(['200 b hello', '200 b hello'])
})

it('tells of one that cuts a question off', async () => {
  await using balancer = await Balancer.open()
  await balancer.add({ name: 'a', url: await listening((asked) => void asked.socket.destroy()), adminUrl: null })
  expect(await ask(balancer)).toMatch(/^502 null a cut it off: /)
})

it('asks one for as long as it says that it is ready', async () => {
  await using balancer = await Balancer.open()
  let isReady = true
  const adminUrl = await listening((_, answer) => void answer.writeHead(isReady ? 200 : 503).end())
  await balancer.add({ name: 'a', url: await listening(answering), adminUrl })
  expect(await ask(balancer)).toBe('200 a hello')
  isReady = false
  let told = ''
  while (!told.startsWith('503')) told = await ask(balancer)
})
