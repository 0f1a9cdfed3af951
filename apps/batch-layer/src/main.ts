// The batch-layer process: `node apps/batch-layer/src/main.ts`; its settings are environment variables (docs/services.md).

import { runService } from '@tidemark/service-kit/run-service'
import { composeBatchLayer } from './compose.ts'
import { batchLayerSettings } from './config.ts'

await runService({ name: 'batch-layer', settings: batchLayerSettings, compose: composeBatchLayer })
