// One program out of an app's main file and all that it imports. Files that the program finds beside its own, threads, children, WebAssembly, are found here
// too: a thread becomes a program beside it, anything else is copied. All lie in one folder, so that each finds the others by name alone.

import { copyFileSync, existsSync, readFileSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { basename, dirname, join, relative, resolve } from 'node:path'
import { build, type BuildOptions, type Metafile, type Plugin } from 'esbuild'
import { ABSENT_PACKAGES, NATIVE_PACKAGES, type Image } from './images.ts'

export const ROOT = join(import.meta.dirname, '..', '..', '..')
/** `new URL('./x.ts', import.meta.url)` and `join(import.meta.dirname, 'x.ts')`. */
const BESIDE = /new URL\((['"])(\.{1,2}\/[^'"]+)\1, import\.meta\.url\)|join\(import\.meta\.dirname, (['"])([^'"]+\.ts)\3\)/g
const LINE_LENGTH_MAX_CHARACTERS = 160
/** Packages that are no ES modules find what CommonJS gives them. */
const COMMON_JS = "import { createRequire as createRequireOfBundle } from 'node:module'; const require = createRequireOfBundle(import.meta.url);"

export interface Bundle {
  /** What was taken in, from the root of the workspace. */
  readonly inputs: readonly string[]
  /** Packages that it imports when it runs. */
  readonly packages: readonly string[]
}

/** Writes the program as `main.js` into the folder. Throws where it would not find something there. */
export async function bundleProgram({ main, modules }: Image, folder: string): Promise<Bundle> {
  const besides = new Map<string, string>()
  const entries = new Map([[join(ROOT, main), 'main'], ...(modules?.names ?? []).map((name) => [join(ROOT, modules!.folder, `${name}.ts`), `node_modules/${modules!.package}/${name}`] as const)])
  let metafile: Metafile
  // A thread may have threads of its own.
  do {
    for (const [path, name] of besides) if (path.endsWith('.ts')) entries.set(path, name)
    metafile = (await build(options(entries, folder, besides))).metafile!
  } while ([...besides.keys()].some((path) => path.endsWith('.ts') && !entries.has(path)))
  for (const [path, name] of besides) if (!path.endsWith('.ts')) copyFileSync(path, join(folder, name))
  const external = new Set(Object.values(metafile.outputs).flatMap(({ imports }) => imports.flatMap(({ path, external: isExternal }) => (isExternal === true ? [packageOf(path)] : []))))
  const packages = [...external].filter((name): name is string => name !== null && !ABSENT_PACKAGES.has(name)).sort()
  const unknown = packages.filter((name) => !(NATIVE_PACKAGES as readonly string[]).includes(name))
  if (unknown.length > 0) throw new Error(`The program of ${main} would not find ${unknown.join(', ')}: name each in images.ts, as a package that is copied or one that may be absent.`)
  return { inputs: Object.keys(metafile.inputs).sort(), packages }
}

function options(entries: ReadonlyMap<string, string>, folder: string, besides: Map<string, string>): BuildOptions {
  return {
    absWorkingDir: ROOT,
    entryPoints: Array.from(entries, ([path, name]) => ({ in: path, out: name })),
    outdir: folder,
    bundle: true,
    splitting: true,
    platform: 'node',
    format: 'esm',
    target: 'node24',
    chunkNames: 'chunk-[hash]',
    external: [...NATIVE_PACKAGES, ...ABSENT_PACKAGES],
    banner: { js: COMMON_JS },
    inject: [join(import.meta.dirname, 'common-js-names.ts')],
    // What is loaded stays in memory as text: less of it, but names, which stacks tell, and lines that an editor can show.
    minifyWhitespace: true,
    minifySyntax: true,
    lineLimit: LINE_LENGTH_MAX_CHARACTERS,
    legalComments: 'none',
    metafile: true,
    logLevel: 'error',
    plugins: [filesBeside(besides)],
  }
}

/** Finds the files that programs look for beside their own, and has them looked for beside the bundle. */
function filesBeside(found: Map<string, string>): Plugin {
  const nameOf = (path: string): string => {
    const name = found.get(path) ?? basename(path, '.ts')
    const other = [...found].find(([otherPath, otherName]) => otherName === name && otherPath !== path)
    if (other !== undefined || name === 'main') throw new Error(`Two files of one bundle would be ${name}: ${relative(ROOT, path)} and ${other === undefined ? 'its main file' : relative(ROOT, other[0])}. Rename one.`)
    found.set(path, name)
    return path.endsWith('.ts') ? `./${name}.js` : `./${name}`
  }
  return {
    name: 'files-beside',
    setup({ onLoad }) {
      onLoad({ filter: /\.(?:ts|m?js)$/ }, ({ path }) => {
        const text = readFileSync(path, 'utf8')
        if (!text.includes('import.meta.')) return undefined
        const contents = text.replace(BESIDE, (whole, _quote, ofUrl: string | undefined, _otherQuote, ofJoin: string | undefined) => {
          const target = resolve(dirname(path), ofUrl ?? ofJoin!)
          if (!existsSync(target)) return whole
          const name = nameOf(target)
          return ofUrl === undefined ? `join(import.meta.dirname, '${name}')` : `new URL('${name}', import.meta.url)`
        })
        return { contents, loader: path.endsWith('.ts') ? 'ts' : 'js' }
      })
    },
  }
}

/** null: one of Node's own. */
function packageOf(specifier: string): string | null {
  if (specifier.startsWith('node:') || isBuiltin(specifier)) return null
  return specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/')
}
