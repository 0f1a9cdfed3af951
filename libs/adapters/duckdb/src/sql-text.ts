// Names and literals as DuckDB reads them. Everything that comes from a definition or a file goes through here.

export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

export function quoteText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}

/** A double's literal, bit for bit: JavaScript prints the shortest text that reads back as the same double. */
export function doubleLiteral(value: number): string {
  return `'${value}'::DOUBLE`
}

/** `value` rounded down to a multiple of `step`, for an SQL BIGINT; DuckDB's own division rounds towards zero. */
export function floorToMultiple(value: string, step: number): string {
  return step === 1 ? value : `(${value} - ((${value} % ${step}) + ${step}) % ${step})`
}
