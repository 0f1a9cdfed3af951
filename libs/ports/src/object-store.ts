// Objects by key, as in S3: whole values that are put at once. Keys are paths of [A-Za-z0-9._=-] segments; no key is another's folder.

/** Names one state of an object; opaque. */
export type ETag = string

export interface StoredObject {
  readonly etag: ETag
  readonly bytes: Uint8Array
}

export interface LocalObject extends AsyncDisposable {
  /** A file that holds the object until this is disposed; not to be written to. */
  readonly path: string
}

export interface ObjectStore extends AsyncDisposable {
  /** Creates the object; false: there is one of this key, which stays as it is. Durable when it resolves. STORE_FULL. */
  create(key: string, bytes: Uint8Array): Promise<boolean>
  /** The same from a local file, which is left where it is. INPUT_UNREADABLE. */
  createFromFile(key: string, path: string): Promise<boolean>
  /** Replaces an object that still has the tag (null: creates it). The new tag; null: it has another one. */
  replace(key: string, expected: ETag | null, bytes: Uint8Array): Promise<ETag | null>
  /** null: there is none. STORE_DAMAGED. */
  get(key: string): Promise<StoredObject | null>
  /** The object as a local file, for engines that read files. OBJECT_MISSING, STORE_DAMAGED. */
  open(key: string): Promise<LocalObject>
  /** Keys that start with the prefix, in order. For cleaning up, never for reading: what counts is what a manifest names. */
  list(prefix: string): AsyncIterable<string>
  remove(key: string): Promise<void>
}
