// The archiver process: `node apps/archiver/src/main.ts`; its settings are environment variables (docs/services.md).

import { runService } from '@tidemark/service-kit/run-service'
import { composeArchiver } from './compose.ts'
import { archiverSettings } from './config.ts'

await runService({ name: 'archiver', settings: archiverSettings, compose: composeArchiver })
