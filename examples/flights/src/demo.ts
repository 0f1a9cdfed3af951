// Counts the flights of the busiest airports straight from the file.
import { openDuckDb } from '@tidemark/adapter-duckdb/duckdb-session'
import { flightsFilePath } from './flights-file.ts'

using session = await openDuckDb({ threadCount: 2, memoryMaxMiB: 1_024 })
const busiest = await session.connection.runAndReadAll(
  `select origin, count(*) from read_parquet($1) group by origin order by 2 desc, 1 limit 5`,
  [flightsFilePath()],
)
for (const [origin, flightCount] of busiest.getRows()) console.log(`${origin} ${flightCount}`)
