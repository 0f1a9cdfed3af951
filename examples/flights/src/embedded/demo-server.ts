// The HTTP API of the demo's system: the port is taken before anything is loaded, so that one in use is noticed at once.
import type { RequestListener } from 'node:http'
import type { EmbeddedPorts } from '@tidemark/embedded-system/embedded-ports'
import type { LambdaSystem } from '@tidemark/pipelines/lambda/lambda-system'
import { addEventRoutes, openApiDocumentWithEvents } from '@tidemark/serving-http/event-routes'
import { listen, type HttpListener } from '@tidemark/machine/http-listener'
import { createServingApp } from '@tidemark/serving-http/serving-app'

export interface DemoServer extends HttpListener {
  /** Answers from the system from here on; until then it says that it is being loaded. */
  serve(system: LambdaSystem, ports: EmbeddedPorts, onError: (error: unknown) => void): void
}

/** On loopback. Throws PORT_IN_USE. */
export async function openDemoServer(port: number): Promise<DemoServer> {
  let handler: RequestListener = (_request, response) => void response.writeHead(503, { 'retry-after': '10' }).end('The demo is still loading.\n')
  const listener = await listen((request, response) => handler(request, response), { host: '127.0.0.1', port })
  return {
    ...listener,
    serve(system, ports, onError) {
      const catalog = (): ReturnType<LambdaSystem['catalog']> => system.catalog()
      handler = createServingApp({
        server: system.server, catalog, onError, openApi: openApiDocumentWithEvents,
        extend: (app, fail) => addEventRoutes(app, fail, { log: ports.log, isAllJson: true, catalog }),
      })
    },
  }
}
