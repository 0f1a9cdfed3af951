// Jest asks for its hook as a default export.
export { closeIntegrationSet as default } from './integration-set.ts'
