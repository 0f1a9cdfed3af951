// npm run dashboards: writes the dashboards into infra/observability/grafana/dashboards, and removes what is none of them any more.

import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DASHBOARDS_FOLDER, generateDashboards, textOf } from './dashboards.ts'

rmSync(DASHBOARDS_FOLDER, { recursive: true, force: true })
mkdirSync(DASHBOARDS_FOLDER, { recursive: true })
for (const [file, dashboard] of generateDashboards()) {
  writeFileSync(join(DASHBOARDS_FOLDER, file), textOf(dashboard))
  console.log(`${file}: ${dashboard.title}, ${dashboard.panels?.length ?? 0} panels`)
}
