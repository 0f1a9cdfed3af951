// The speed-layer process: `node apps/speed-layer/src/main.ts`; its settings are environment variables (docs/services.md).

import { runService } from '@tidemark/service-kit/run-service'
import { composeSpeedLayer } from './compose.ts'
import { speedLayerSettings } from './config.ts'

await runService({ name: 'speed-layer', settings: speedLayerSettings, compose: composeSpeedLayer })
