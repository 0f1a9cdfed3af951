// What the driver forgets and leaves open. One of these is a connection over which it could not learn of the cluster (another data centre than was said, a
// server that stops answering), with a heartbeat: whoever tries again and again would have more of them each time, and no process would end.

import type { Client } from 'cassandra-driver'

/** Of the driver's own, in the pinned version. */
interface DriverConnection {
  closeAsync(): Promise<void>
}

interface DriverHost {
  shutdown(isDraining: boolean): Promise<void>
}

interface ControlConnection {
  _createConnection(contactPoint: string): Promise<DriverConnection>
}

/** Connects, and closes what was tried where that fails. */
export async function connectOrClose(client: Client): Promise<void> {
  const { controlConnection } = client as unknown as { readonly controlConnection: ControlConnection }
  const tried: DriverConnection[] = []
  const create = controlConnection._createConnection
  controlConnection._createConnection = async (contactPoint) => {
    const connection = await create.call(controlConnection, contactPoint)
    tried.push(connection)
    return connection
  }
  try {
    await client.connect()
  } catch (error) {
    await Promise.allSettled(tried.map((connection) => connection.closeAsync()))
    throw error
  } finally {
    controlConnection._createConnection = create
  }
}

/**
 * Closes nodes of which the driver has made itself others: once it has found none of them for a while it learns of the cluster anew, as at the start, and
 * forgets the old ones with their connections, which come back and stay beside those of the new ones. To be called before it connects.
 */
export function closeReplacedNodes(client: Client): void {
  client.on('hostRemove', (host: DriverHost) => void host.shutdown(false).catch(() => undefined))
}
