// The part of a source's way that keeps its log: an archiver, driven step by step, or run until a signal.

import type { SourceDefinition } from '@tidemark/feature-schema/definition'
import type { OnAlarm } from '../alarm.ts'
import { createArchiver, type Archiver, type ArchiverOptions } from '../archive/archiver.ts'
import { runArchiver } from '../archive/run-archiver.ts'
import type { LambdaPorts } from './lambda-ports.ts'
import type { Loop } from './run-together.ts'

export type ArchivePorts = Pick<LambdaPorts, 'log' | 'registers' | 'objects' | 'format' | 'schemas' | 'clock' | 'createArchiver'>

export interface ArchivePartOptions {
  /** Its topic is there. */
  readonly source: SourceDefinition
  readonly ports: ArchivePorts
  readonly onAlarm: OnAlarm
  readonly tracer?: ArchiverOptions['tracer']
}

export class ArchivePart {
  readonly archiver: Archiver
  readonly loops: readonly Loop[]

  constructor({ source, ports: { createArchiver: create = createArchiver, ...ports }, onAlarm, tracer }: ArchivePartOptions) {
    const { log, registers, objects, format, schemas, clock } = ports
    this.archiver = create({ source, log, registers, objects, format, schemas, clock, onAlarm, tracer })
    this.loops = [(signal) => runArchiver(this.archiver, clock, signal)]
  }

  /** Archives everything that the log has by now, and seals what can be sealed. */
  async drain(signal?: AbortSignal): Promise<void> {
    for (;;) {
      const { did } = await this.archiver.step(signal)
      if (did === 'idle' || did === 'stopped') return
    }
  }
}
