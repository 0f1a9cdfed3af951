// All dashboards, and where the repository has them.

import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Dashboard } from '@grafana/grafana-foundation-sdk/dashboard'
import { OBSERVABILITY } from './alert-rules.ts'
import { batchLayerDashboard } from './batch-layer-dashboard.ts'
import { archiverDashboard, speedLayerDashboard } from './log-dashboards.ts'
import { overviewDashboard } from './overview-dashboard.ts'
import { processesDashboard } from './processes-dashboard.ts'
import { servingLayerDashboard } from './serving-layer-dashboard.ts'

export const DASHBOARDS_FOLDER = join(OBSERVABILITY, 'grafana/dashboards')

const DASHBOARDS: Readonly<Record<string, () => Dashboard>> = {
  'overview.json': overviewDashboard,
  'archiver.json': archiverDashboard,
  'speed-layer.json': speedLayerDashboard,
  'batch-layer.json': batchLayerDashboard,
  'serving-layer.json': servingLayerDashboard,
  'processes.json': processesDashboard,
}

/** By their files' names. */
export function generateDashboards(): ReadonlyMap<string, Dashboard> {
  return new Map(Object.entries(DASHBOARDS).map(([file, build]) => [file, build()]))
}

export function textOf(dashboard: Dashboard): string {
  return `${JSON.stringify(dashboard, null, 2)}\n`
}

export function writtenDashboards(): string[] {
  return readdirSync(DASHBOARDS_FOLDER).sort()
}
