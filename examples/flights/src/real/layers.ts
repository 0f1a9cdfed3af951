// The four services of a run, each a process: started, killed, started again, and all of them ended with it.
import { mainOf, ServiceProcess, type LayerName, type LogLine } from '@tidemark/servers/service-process'
import { serviceEnvironment, type RunNames } from './service-environment.ts'

export interface LayersOptions extends RunNames {
  /** 0: any that is free, and the same again once it is known. */
  readonly httpPort: number
  readonly onTrouble: (service: LayerName, line: LogLine) => void
  /** One ended though nobody asked it to. */
  readonly onEnded: (error: Error) => void
}

export class Layers implements AsyncDisposable {
  private readonly options: LayersOptions
  private readonly running = new Map<LayerName, ServiceProcess>()
  private servingUrl: string | null = null

  constructor(options: LayersOptions) {
    this.options = options
  }

  /** Where the serving layer is, or was last. */
  get url(): string {
    if (this.servingUrl === null) throw new Error('The serving layer was never ready.')
    return this.servingUrl
  }

  /** Those that run. */
  get processes(): ReadonlyMap<LayerName, ServiceProcess> {
    return this.running
  }

  /** Resolves once it is ready. */
  async start(name: LayerName): Promise<void> {
    const { httpPort, onTrouble, onEnded } = this.options
    const port = this.servingUrl === null ? httpPort : Number(new URL(this.servingUrl).port)
    const service = await ServiceProcess.start({
      name, main: mainOf(name), env: serviceEnvironment(name, this.options, port), onTrouble: (line) => onTrouble(name, line),
    })
    this.running.set(name, service)
    service.ended.catch(onEnded)
    const { url } = await service.untilReady()
    if (url !== undefined) this.servingUrl = url
  }

  /** SIGKILL; resolves once it is gone. */
  async kill(name: LayerName): Promise<void> {
    const service = this.running.get(name)!
    this.running.delete(name)
    await service.kill()
  }

  /** Asks all to end at once; those that take too long are killed. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.running.values()].map((service) => service[Symbol.asyncDispose]().catch(() => undefined)))
    this.running.clear()
  }
}
