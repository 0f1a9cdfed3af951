// Objects on S3: how a service is told of it, and how it opens it.

import { join } from 'node:path'
import { createNewRevision } from '@tidemark/machine/new-revision'
import { createS3ObjectStore, type S3ObjectStoreOptions } from '@tidemark/adapter-s3/s3-object-store'
import type { ObjectStore } from '@tidemark/ports/object-store'
import { namespaceKind, type CommonSettings } from './common-settings.ts'
import { observed, type Observation } from './server-calls.ts'
import { text, url } from './setting-kinds.ts'
import { settingsGroup } from './settings.ts'
import { TLS_FILE_VARIABLES, tlsOf, unpaired } from './tls-settings.ts'

const PREFIX = 'TIDEMARK_S3_'

export type S3Settings = Omit<S3ObjectStoreOptions, 'openedFolder' | 'newRevision'>

export const s3Settings = settingsGroup({
  prefix: PREFIX,
  variables: {
    TIDEMARK_NAMESPACE: namespaceKind,
    ENDPOINT: url('Give http://HOST:PORT or https://HOST:PORT, without credentials in it.', ['http:', 'https:']).optional().meta({ description: 'Where the server is, if it is not AWS itself.', unset: 'AWS' }),
    REGION: text('Give a region, such as us-east-1.', /^[a-z0-9-]+$/).describe('The region that requests are signed for.'),
    BUCKET: text('Give the name of a bucket that is there.', /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/).describe('What has the archive and staged generations.'),
    ACCESS_KEY_ID: text('Give the id of an access key.').optional().meta({ description: 'Who this process is.', unset: "what AWS's own tools find" }),
    SECRET_ACCESS_KEY: text('Give the secret of the access key.').optional().describe('How it proves it.'),
    ...TLS_FILE_VARIABLES,
  },
  secrets: ['SECRET_ACCESS_KEY'],
  check: (given) => [...unpaired(given, 'ACCESS_KEY_ID', 'SECRET_ACCESS_KEY', PREFIX), ...unpaired(given, 'TLS_CERT_FILE', 'TLS_KEY_FILE', PREFIX)],
  become: (values): S3Settings => {
    const { TIDEMARK_NAMESPACE: namespace, ENDPOINT: endpoint, REGION: region, BUCKET: bucket, ACCESS_KEY_ID: accessKeyId, SECRET_ACCESS_KEY: secretAccessKey } = values
    const tls = tlsOf(values)
    return {
      region, bucket, keyPrefix: `${namespace}/`,
      ...(endpoint !== undefined && { endpoint }),
      ...(accessKeyId !== undefined && { credentials: { accessKeyId, secretAccessKey: secretAccessKey! } }),
      ...(tls && { tls }),
    }
  },
})

/** Throws what `createS3ObjectStore` throws. */
export async function openObjects(settings: S3Settings, { workFolder }: Pick<CommonSettings, 'workFolder'>, observation: Observation = {}): Promise<ObjectStore> {
  const objects = await createS3ObjectStore({ ...settings, openedFolder: join(workFolder, 'opened'), newRevision: createNewRevision() })
  return observed(observation, 'objects', objects, { load: () => objects.load() })
}
