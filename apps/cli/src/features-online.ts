// The features of one entity as a running server answers now, and what makes them believable: generation, cut, lag, what was degraded.
import { TidemarkError, type Problem } from '@tidemark/feature-schema/errors'
import type { ValueType } from '@tidemark/feature-schema/value'
import type { FeatureOptions } from './chosen-features.ts'
import type { EventOptions } from './event-files.ts'
import { problemError, usageError } from './failure.ts'
import { formatTime, type Output, tableText } from './output.ts'
import { parseEntity } from './request-options.ts'

export interface OnlineOptions extends FeatureOptions, EventOptions {
  readonly entity: readonly string[]
  readonly definitions?: string
  readonly at?: string
}

interface Catalog {
  readonly views: readonly { readonly view: string; readonly entity: readonly { readonly key: string; readonly type: ValueType }[]; readonly features: readonly string[] }[]
  readonly services: readonly { readonly service: string }[]
}

interface Answer {
  readonly t: number
  readonly features: readonly string[]
  readonly tails: readonly (number | null)[]
  readonly entities: readonly { readonly values: readonly unknown[]; readonly statuses: readonly string[]; readonly reasons?: readonly (string | null)[] }[]
  readonly views: readonly { readonly view: string; readonly version: number; readonly generation: number | null; readonly cut: number | null; readonly lagMs: number | null }[]
  readonly degraded: readonly { readonly code: string; readonly view: string; readonly message: string }[]
}

/** Throws what the server says is wrong; STORE_UNAVAILABLE where it does not answer. */
export async function getOnline(output: Output, url: string, options: OnlineOptions): Promise<void> {
  const { definitions, events, at, format, appendTime } = options
  const excluded = Object.entries({ definitions, events, at, format, 'append-time': appendTime }).flatMap(([name, value]) => (value === undefined ? [] : [`--${name}`]))
  if (excluded.length > 0) throw usageError(`--url and ${excluded.join(' and ')} exclude each other.`, excluded.join(' '), 'A server answers as of now, from its own definitions: leave them out.')
  if (!isHttpUrl(url)) throw usageError(`${JSON.stringify(url)} is no address of HTTP.`, '--url', 'Write http://127.0.0.1:8080.')
  const catalog = (await ask(url, '/v1/catalog')) as Catalog
  const entity = parseEntity(options.entity, catalog.views.map(({ entity: keys }) => ({ keys })))
  const answer = (await ask(url, '/v1/features', { ...askedFor(options, catalog), entities: [entity] })) as Answer
  const { values, statuses, reasons } = answer.entities[0]!
  const features = answer.features.map((name, i) => {
    const at = name.indexOf(':')
    return { view: name.slice(0, at), feature: name.slice(at + 1), tailMs: answer.tails[i]!, status: statuses[i]!, value: values[i], ...(reasons?.[i] && { reason: reasons[i] }) }
  })
  const { t, views, degraded } = answer
  output.answer({ entity, at: formatTime(t), atMs: t, features, views, degraded }, () => {
    const { bold, yellow } = output.colors
    const who = Object.entries(entity).map(([key, value]) => `${key} ${String(value)}`).join(', ')
    const rows = features.map(({ view, feature, value, status, reason, tailMs }) => [
      view, feature, status !== 'PRESENT' ? '' : typeof value === 'object' ? JSON.stringify(value) : String(value),
      reason === undefined ? status : `${status} (${reason})`, tailMs === null ? 'always' : formatTime(tailMs),
    ])
    const facts = views.map(({ view, version, generation, cut, lagMs }) =>
      [`${view}@${version}`, generation === null ? 'unknown' : generation === 0 ? 'none' : String(generation), cut === null ? '' : String(cut), lagMs === null ? 'unknown' : `${lagMs} ms`])
    return [
      `${bold(who)} at ${formatTime(t)}`, '', tableText(output.colors, ['view', 'feature', 'value', 'status', 'window from'], rows),
      '', tableText(output.colors, ['view', 'generation', 'cut', 'lag'], facts),
      ...degraded.map(({ code, view, message }) => `${yellow('degraded')} ${view}: ${message} [${code}]`),
    ].join('\n')
  })
}

function isHttpUrl(text: string): boolean {
  return /^https?:$/.test(URL.parse(text)?.protocol ?? '')
}

/** What the request names: the server judges names that do not exist. */
function askedFor({ service, view, features }: FeatureOptions, { views, services }: Catalog): { service: string } | { features: readonly string[] } {
  const given = Object.entries({ service, view, features }).flatMap(([name, value]) => (value === undefined ? [] : [`--${name}`]))
  if (given.length > 1) throw usageError(`${given.join(' and ')} exclude each other.`, given.join(' '), 'Give one of them.')
  if (service !== undefined) return { service }
  if (features !== undefined) return { features: features.split(',').map((name) => name.trim()) }
  if (view === undefined && services.length > 1) throw usageError(`There are ${services.length} services.`, '--service', `Choose one: --service ${services.map((each) => each.service).join(' | ')}.`)
  if (view === undefined && services.length === 1) return { service: services[0]!.service }
  const asked = view ?? views.map((each) => each.view)
  return { features: asked.flatMap((name) => views.find((each) => each.view === name)?.features.map((feature) => `${name}:${feature}`) ?? [`${name}:?`]) }
}

async function ask(url: string, path: string, body?: object): Promise<unknown> {
  const where = new URL(path, url).href
  const { ok, text } = await fetchText(where, body)
  const document = parse(text, where)
  if (ok) return document
  const [first, ...others] = (document as { problems?: readonly Problem[] }).problems ?? []
  throw first === undefined ? problemError('STORE_UNAVAILABLE', `The server failed: ${text}.`, where, 'Its own output has more.') : new TidemarkError([first, ...others])
}

/** Of who asks: a key, or a token. */
const KEY_VARIABLE = 'TIDEMARK_API_KEY'

/** What cannot be sent is not shown either. */
function credential(): { readonly authorization?: string } {
  const key = process.env[KEY_VARIABLE]
  if (key === undefined || key === '') return {}
  if (/^[\x21-\x7e]+$/.test(key)) return { authorization: `Bearer ${key}` }
  throw usageError('What is given has blanks or control characters in it, and is not shown.', KEY_VARIABLE, 'Give a key that `tidemark keys create` printed, or a token.')
}

async function fetchText(where: string, body: object | undefined): Promise<{ readonly ok: boolean; readonly text: string }> {
  const headers = { ...credential(), ...(body && { 'content-type': 'application/json' }) }
  try {
    const response = await fetch(where, body === undefined ? { headers } : { method: 'POST', headers, body: JSON.stringify(body) })
    return { ok: response.ok, text: await response.text() }
  } catch (error) {
    const reason = error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error)
    throw problemError('STORE_UNAVAILABLE', `The server does not answer: ${reason}.`, where, 'Start it with `tidemark dev`, or correct the address.', error)
  }
}

function parse(text: string, where: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw problemError('STORE_UNAVAILABLE', 'What answers there is no Tidemark server: it sends no JSON.', where, 'Correct the address.', error)
  }
}
