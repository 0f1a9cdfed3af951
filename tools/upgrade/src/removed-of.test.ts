import { expect, it } from '@jest/globals'
import { removedOf } from './removed-of.ts'

const before = { paths: { '/v1/features': { post: { description: 'Asks.' } } }, status: { type: 'string', enum: ['PRESENT', 'NOT_FOUND'] }, anyOf: [{ $ref: 'a' }, { $ref: 'b' }] }

it('finds nothing where a document is only added to, or said otherwise', () => {
  const after = { paths: { '/v1/features': { post: { description: 'Asks for features.' }, get: {} } }, status: { type: 'string', enum: ['NOT_FOUND', 'LATER', 'PRESENT'] }, anyOf: [{ $ref: 'b', nullable: true }, { $ref: 'a' }] }
  expect(removedOf(before, after)).toEqual([])
})

it('names each route, field and value that is gone or means something else', () => {
  const after = { paths: {}, status: { type: 'integer', enum: ['PRESENT'] }, anyOf: [{ $ref: 'a' }] }
  expect(removedOf(before, after)).toEqual(['/paths//v1/features', '/status/type: "string" is "integer"', '/status/enum: "NOT_FOUND"', '/anyOf: {"$ref":"b"}'])
})
