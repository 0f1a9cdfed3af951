// How the dashboards' queries, which are written plainly and over five minutes, are asked: of the Prometheus and in the namespace that were chosen, and rates
// over the interval that fits what is shown.

import { withMatcher } from './prom-query.ts'

/** The chosen one. */
export const DATASOURCE = { type: 'prometheus', uid: '${datasource}' } as const
/** That of no namespace too: elsewhere than on Kubernetes, and of an alert that something is not there. */
const NAMESPACE = { label: 'namespace', operator: '=~', value: '$namespace|' } as const

export function asked(query: string): string {
  return withMatcher(query, NAMESPACE).replaceAll(/(rate\([^()]*)\[5m\]/g, '$1[$$__rate_interval]')
}
