// How TLS is asked for, of every server alike.

import { fileOf, flag } from './setting-kinds.ts'

/** Of a server whose address says that it is TLS. */
export const TLS_FILE_VARIABLES = {
  TLS_CA_FILE: fileOf('a PEM file of the authorities to trust').optional().meta({ description: 'Who may vouch for the server.', unset: "the system's authorities" }),
  TLS_CERT_FILE: fileOf('a PEM file of the certificate that this process shows').optional().describe('What this process shows of itself.'),
  TLS_KEY_FILE: fileOf("a PEM file of that certificate's key").optional().describe('The key of what it shows.'),
}

export const TLS_VARIABLES = { TLS: flag.optional().meta({ description: 'Whether the connection is encrypted.', unset: 'where `…_TLS_CA_FILE` or `…_TLS_CERT_FILE` is given' }), ...TLS_FILE_VARIABLES }

export interface TlsFiles {
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
}

interface TlsValues {
  readonly TLS?: boolean | undefined
  readonly TLS_CA_FILE?: string | undefined
  readonly TLS_CERT_FILE?: string | undefined
  readonly TLS_KEY_FILE?: string | undefined
}

/** undefined: no TLS. A file that is named asks for it. */
export function tlsOf({ TLS: isOn, TLS_CA_FILE: ca, TLS_CERT_FILE: cert, TLS_KEY_FILE: key }: TlsValues): TlsFiles | undefined {
  if (isOn === false || (isOn === undefined && ca === undefined && cert === undefined)) return undefined
  return { ...(ca !== undefined && { ca }), ...(cert !== undefined && { cert }), ...(key !== undefined && { key }) }
}

/** Both or none of a pair, for `check` of a group. */
export function unpaired<N extends string>(given: { readonly [name in N]?: string }, a: N, b: N, prefix: string): { name: N; message: string; action: string }[] {
  const lacking = given[a] !== undefined && given[b] === undefined ? b : given[b] !== undefined && given[a] === undefined ? a : undefined
  if (lacking === undefined) return []
  const other = lacking === a ? b : a
  return [{ name: lacking, message: `It is not given, but ${prefix}${other} is.`, action: 'Give both, or neither.' }]
}
