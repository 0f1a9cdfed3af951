// Whether a service may be asked, and what it waits for: before it works, while a server that it needs is away, and once it is told to end. A service that
// answers without its servers too, only less truly, stays ready while one is away: taken out of service it would answer nothing.

import type { ErrorCode } from '@tidemark/feature-schema/errors'

export interface Awaited {
  /** A server, or what else has to come. */
  readonly name: string
  readonly code?: ErrorCode
  readonly message: string
  readonly sinceMs: number
}

export interface ReadinessStatus {
  readonly status: 'waiting' | 'ready' | 'degraded' | 'draining'
  readonly isReady: boolean
  readonly waitsFor: readonly (Omit<Awaited, 'sinceMs'> & { readonly forMs: number })[]
}

export class Readiness {
  /** Whether it answers while a server is away. */
  answersWithout = false
  private phase: 'starting' | 'running' | 'draining' = 'starting'
  private readonly awaited = new Map<string, Awaited>()
  private readonly steadyMs: () => number

  constructor(steadyMs: () => number) {
    this.steadyMs = steadyMs
  }

  /** It works. */
  started(): void {
    if (this.phase === 'starting') this.phase = 'running'
  }

  drains(): void {
    this.phase = 'draining'
  }

  get isDraining(): boolean {
    return this.phase === 'draining'
  }

  waits(name: string, { code, message }: { readonly code?: ErrorCode; readonly message: string }): void {
    const { sinceMs = this.steadyMs() } = this.awaited.get(name) ?? {}
    this.awaited.set(name, { name, ...(code !== undefined && { code }), message, sinceMs })
  }

  answers(name: string): void {
    this.awaited.delete(name)
  }

  isAwaited(name: string): boolean {
    return this.awaited.has(name)
  }

  read(): ReadinessStatus {
    const waitsFor = [...this.awaited.values()].map(({ sinceMs, ...awaited }) => ({ ...awaited, forMs: this.steadyMs() - sinceMs }))
    const status = this.phase === 'draining' ? 'draining' : this.phase === 'starting' ? 'waiting' : waitsFor.length === 0 ? 'ready' : this.answersWithout ? 'degraded' : 'waiting'
    return { status, isReady: status === 'ready' || status === 'degraded', waitsFor }
  }
}
