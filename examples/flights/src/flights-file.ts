// Where the three million flights are: a Parquet file of the vega-datasets package, January to June 2001.
import { createRequire } from 'node:module'
import { join } from 'node:path'

/** Absolute path of the Parquet file. The package exports only its code, which lies beside the data. */
export function flightsFilePath(): string {
  return join(createRequire(import.meta.url).resolve('vega-datasets'), '..', '..', 'data', 'flights-3m.parquet')
}
