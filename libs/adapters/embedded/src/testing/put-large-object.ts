// A child process that puts an object larger than it may write, then a small one; says what the first was told and what is there.
import { createFileObjectStore } from '../file-object-store.ts'
import { createNewRevision } from '@tidemark/machine/new-revision'

const store = await createFileObjectStore({ folder: process.argv[2]!, newRevision: createNewRevision() })
const codeOf = (error: unknown): unknown => (error as { code?: unknown }).code
const large = await store.create('a/large', new Uint8Array(5_000_000)).catch(codeOf)
const small = await store.create('a/small', new Uint8Array(1_000)).catch(codeOf)
process.stdout.write(JSON.stringify({ large, small, keys: await Array.fromAsync(store.list('')) }))
