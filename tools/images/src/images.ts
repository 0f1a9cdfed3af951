// The images that there are, and what each is made of: one main file, and what its program finds by name while it runs.

export interface Image {
  readonly name: ImageName
  /** The file that its process runs, from the root of the workspace. */
  readonly main: string
  /** Where the bundle is to be found by what people write: a package, and its modules by name. */
  readonly modules?: { readonly package: string; readonly folder: string; readonly names: readonly string[] }
}

export const IMAGE_NAMES = ['archiver', 'speed-layer', 'batch-layer', 'serving-layer', 'tidemark'] as const
export type ImageName = (typeof IMAGE_NAMES)[number]

const layer = (name: ImageName): Image => ({ name, main: `apps/${name}/src/main.ts` })

export const IMAGES: Readonly<Record<ImageName, Image>> = {
  'archiver': layer('archiver'),
  'speed-layer': layer('speed-layer'),
  'batch-layer': layer('batch-layer'),
  'serving-layer': layer('serving-layer'),
  // Runs definitions files, which import what they are written with.
  'tidemark': { name: 'tidemark', main: 'apps/cli/src/main.ts', modules: { package: '@tidemark/feature-schema', folder: 'libs/feature-schema/src', names: ['dsl', 'aggregations'] } },
}

/** Packages with a binary: they are copied as they are, for the platform that the folder is made on. */
export const NATIVE_PACKAGES = ['@duckdb/node-bindings', 'lmdb', '@node-rs/crc32'] as const

/** Those that a bundled package asks for in a way that a bundler does not see. */
export const UNSEEN_PACKAGES: Readonly<Record<string, (typeof NATIVE_PACKAGES)[number]>> = { '@platformatic/kafka': '@node-rs/crc32' }

/** Asked for by packages for what is not used here; they go on without. */
export const ABSENT_PACKAGES: ReadonlySet<string> = new Set(['kerberos', 'pg', '@valkey/valkey-glide', 'msgpackr-extract'])
