// What this release is called; package.json says the same.

export const RELEASE = '0.1.0'
