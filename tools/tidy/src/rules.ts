// What neither the compiler nor the linter sees: how long a file is, what it leaves undone, which tests it turns off, which
// versions float. Each rule takes a file's path and text and returns its faults, so that tests need no files.

export interface SourceFile {
  /** Path from the root of the workspace, with forward slashes. */
  path: string
  text: string
}

export interface Fault {
  path: string
  /** From 1; 0 where the fault is the whole file's. */
  line: number
  reason: string
}

/** The most lines that one source file may have: what a reader takes in at one sitting. */
export const lineCountMax = 400

// Written in halves, so that this file passes its own check.
const undone = ['TO' + 'DO', 'FIX' + 'ME', 'XX' + 'X']
const strayPaths = ['/wo' + 'rk/', '/ro' + 'ot/', '/ho' + 'me/']
const turnedOff = /\b(?:describe|it|test)\.(?:only|skip|todo|failing)\b|\b(?:fit|fdescribe|xit|xdescribe|xtest)\(/
const silencedLint = new RegExp('eslint-' + 'disable(?!.* -- \\S)')
const silencedAny = new RegExp('eslint-' + 'disable.*no-explicit-any')
const silencedTypes = new RegExp('@ts-' + '(?:ignore|nocheck)')
const exactVersion = /^\d+\.\d+\.\d+(?:-[\w.]+)?$/

const code = /\.(?:ts|js|mjs|py|sh)$/

/** The faults of one file, in the order of its lines. */
export function findFaults(file: SourceFile): Fault[] {
  return [...findLongFile(file), ...findBadLines(file), ...findFloatingVersions(file)]
}

function findLongFile({ path, text }: SourceFile): Fault[] {
  if (!code.test(path)) return []
  const lineCount = text.split('\n').length - (text.endsWith('\n') ? 1 : 0)
  if (lineCount <= lineCountMax) return []
  return [{ path, line: 0, reason: `has ${lineCount} lines, at most ${lineCountMax}: split it by what it is about` }]
}

function findBadLines({ path, text }: SourceFile): Fault[] {
  return text.split('\n').flatMap((content, index) => {
    const fault = (reason: string): Fault => ({ path, line: index + 1, reason })
    const faults: Fault[] = []
    for (const word of undone) {
      if (new RegExp(`\\b${word}\\b`).test(content)) faults.push(fault(`says ${word}: do it or leave it out`))
    }
    for (const stray of strayPaths) {
      if (content.includes(stray)) faults.push(fault(`names ${stray}, a folder of one machine`))
    }
    if (code.test(path)) {
      if (turnedOff.test(content)) faults.push(fault('focuses a test or turns one off'))
      if (silencedAny.test(content)) faults.push(fault('allows the type any'))
      else if (silencedLint.test(content)) faults.push(fault('silences a lint rule without a reason after " -- "'))
      if (silencedTypes.test(content)) faults.push(fault('silences the type checker'))
    }
    return faults
  })
}

function findFloatingVersions({ path, text }: SourceFile): Fault[] {
  if (!/(?:^|\/)package\.json$/.test(path)) return []
  const manifest = JSON.parse(text) as Record<string, unknown>
  const groups = ['dependencies', 'devDependencies', 'optionalDependencies', 'peerDependencies', 'overrides']
  return groups.flatMap((group) =>
    Object.entries((manifest[group] ?? {}) as Record<string, unknown>)
      .filter(([, version]) => typeof version !== 'string' || !exactVersion.test(version))
      .map(([name, version]) => ({
        path,
        line: 0,
        reason: `${group} asks for ${name} ${JSON.stringify(version)}: pin one version`,
      })),
  )
}
