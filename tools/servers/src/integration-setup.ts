// Jest asks for its hook as a default export.
export { openIntegrationSet as default } from './integration-set.ts'
