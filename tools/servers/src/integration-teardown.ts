// Jest asks for its hook as a default export.
export { endIntegration as default } from './integration-set.ts'
