// Makes one Redis Cluster of the three nodes: each takes a third of the slots and the first meets the others.
import { setTimeout as sleep } from 'node:timers/promises'
import { CLUSTER_NAMES } from './names.ts'
import { LOOPBACK, type PortName, type Ports } from './ports.ts'
import { askRedis } from './probes.ts'
import { ServersError } from './servers-error.ts'

const SLOT_COUNT = 16_384
const FORM_LIMIT_MS = 30_000
const POLL_MS = 100

/** Resolves when every node sees three nodes that serve all slots; nodes that remember their cluster are only waited for. */
export async function formCluster(ports: Ports, signal?: AbortSignal): Promise<void> {
  const nodePorts = CLUSTER_NAMES.map((name) => ports[name])
  for (const [index, port] of nodePorts.entries()) {
    if ((await clusterInfo(port)).get('cluster_slots_assigned') !== '0') continue
    const [from, to] = [index, index + 1].map((third) => Math.floor((third * SLOT_COUNT) / nodePorts.length)) as [number, number]
    await askRedis(port, `CLUSTER ADDSLOTSRANGE ${from} ${to - 1}`)
    const bus = ports[`redis-cluster-bus-${index + 1}` as PortName]
    if (index > 0) await askRedis(nodePorts[0]!, `CLUSTER MEET ${LOOPBACK} ${port} ${bus}`)
  }
  const startedAtMs = performance.now()
  for (;;) {
    signal?.throwIfAborted()
    const infos = await Promise.all(nodePorts.map(clusterInfo))
    if (infos.every((info) => info.get('cluster_state') === 'ok' && info.get('cluster_known_nodes') === `${nodePorts.length}`)) return
    if (performance.now() - startedAtMs > FORM_LIMIT_MS) {
      throw new ServersError(`The nodes did not form a cluster within ${FORM_LIMIT_MS / 1_000} s: ${infos.map((info) => info.get('cluster_state')).join(', ')}.`)
    }
    await sleep(POLL_MS)
  }
}

async function clusterInfo(port: number): Promise<Map<string, string>> {
  const text = await askRedis(port, 'CLUSTER INFO')
  return new Map(text.split('\r\n').map((line) => line.split(':') as [string, string]))
}
