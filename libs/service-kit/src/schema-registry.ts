// Schemas of records in Avro and Protobuf: how a service is told of their registry, and how it opens it. Without one, what others have asked for is known.

import { openSchemaRegistry, type SchemaRegistryOptions } from '@tidemark/adapter-schema-registry/http-schema-registry'
import { registeredFormats as formats } from '@tidemark/adapter-schema-registry/registered-formats'
import { TidemarkError, type Problem } from '@tidemark/feature-schema/errors'
import type { RegisteredSchemas } from '@tidemark/ports/record-formats'
import { text, urls } from './setting-kinds.ts'
import { settingsGroup } from './settings.ts'
import { TLS_FILE_VARIABLES, tlsOf, unpaired } from './tls-settings.ts'

const PREFIX = 'TIDEMARK_SCHEMA_REGISTRY_'

/** null: there is none. */
export type SchemaRegistrySettings = SchemaRegistryOptions | null

export const schemaRegistrySettings = settingsGroup({
  prefix: PREFIX,
  variables: {
    URLS: urls('Give http://HOST:PORT/PATH or https://HOST:PORT/PATH, without credentials in it; several with commas between.', ['http:', 'https:']).optional().meta({ description: 'Of a [schema registry](schema-registry.md): for sources of Avro or Protobuf.', unset: 'there is none' }),
    USERNAME: text('Give the name of a user.').optional().describe('Who this process is; or it has a token.'),
    PASSWORD: text("Give the user's password.").optional().describe('How it proves it.'),
    TOKEN: text('Give a bearer token.').optional().describe('In the stead of a user and password.'),
    ...TLS_FILE_VARIABLES,
  },
  secrets: ['PASSWORD', 'TOKEN'],
  check: (given) => [
    ...unpaired(given, 'USERNAME', 'PASSWORD', PREFIX),
    ...unpaired(given, 'TLS_CERT_FILE', 'TLS_KEY_FILE', PREFIX),
    ...(given.TOKEN !== undefined && given.USERNAME !== undefined ? [{ name: 'TOKEN' as const, message: `${PREFIX}USERNAME is given too.`, action: 'Give one of both.' }] : []),
  ],
  become: (values): SchemaRegistrySettings => {
    const { URLS: addresses, USERNAME: username, PASSWORD: password, TOKEN: token } = values
    if (addresses === undefined) return null
    const tls = tlsOf(values)
    return {
      urls: addresses,
      ...(token !== undefined && { credentials: { token } }),
      ...(username !== undefined && { credentials: { username, password: password! } }),
      ...(tls && { tls }),
    }
  },
})

/**
 * A registry is asked something first, as other servers are; one that is away is not waited for: only records of schemas that nobody has asked for yet
 * need it. Throws STORE_REFUSED, STORE_SETTINGS.
 */
export async function openSchemas(settings: SchemaRegistrySettings, { onNotice }: { readonly onNotice: (notice: Problem) => void }): Promise<RegisteredSchemas & AsyncDisposable> {
  if (settings === null) return { formats, registry: null, [Symbol.asyncDispose]: () => Promise.resolve() }
  const registry = openSchemaRegistry(settings)
  try {
    await registry.check()
  } catch (error) {
    if (error instanceof TidemarkError && error.code === 'STORE_UNAVAILABLE') onNotice(error.problems[0]!)
    else {
      await registry[Symbol.asyncDispose]()
      throw error
    }
  }
  return { formats, registry, [Symbol.asyncDispose]: () => registry[Symbol.asyncDispose]() }
}
