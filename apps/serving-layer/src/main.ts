// The serving-layer process: `node apps/serving-layer/src/main.ts`; its settings are environment variables (docs/services.md).

import { runService } from '@tidemark/service-kit/run-service'
import { composeServingLayer } from './compose.ts'
import { servingLayerSettings } from './config.ts'

await runService({ name: 'serving-layer', settings: servingLayerSettings, compose: composeServingLayer })
