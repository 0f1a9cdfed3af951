// Law 1, one definition: the bucket of a key is the same number in JavaScript and in SQL.
import { expect, it } from '@jest/globals'
import { openDuckDb } from '@tidemark/adapter-duckdb/duckdb-session'
import { hashKey } from '@tidemark/feature-schema/key-hash'
import fc from 'fast-check'

it('hashes every string as DuckDB does', async () => {
  await using database = await openDuckDb({ threads: 1 })
  await using session = await database.openSession()
  const statement = await session.connection.prepare(`select ('0x' || left(md5($1), 16))::ubigint`)
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: 'binary' }), async (key) => {
      statement.bindVarchar(1, key)
      const reader = await statement.runAndReadAll()
      expect(reader.getRows()).toEqual([[hashKey(key)]])
    }),
  )
})
