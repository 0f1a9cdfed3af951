// The README of the project that `tidemark init` makes. Its commands work as they are printed, from the project's folder.

/** `tidemark`: the words that start this installation's command from the project's folder. */
export function exampleReadme(tidemark: string): string {
  return `# Card payments

A small feature store project: what a fraud model wants to know about a card and a merchant at the moment of a payment.

| file | is |
|---|---|
| \`features.ts\` | the definitions: a source, two feature views, a service |
| \`events.csv\` | 400 payments of two weeks; two of them make no sense and are rejected |
| \`rows.csv\` | training rows: card, merchant, time, label |
| \`tsconfig.json\` | tells the editor where the types of \`@tidemark/…\` are |

The commands below are run in this folder. Times without a zone are UTC.

Is everything right with the definitions?

\`\`\`sh
${tidemark} check features.ts
\`\`\`

What would be computed and kept, and how much state would an entity come to? The JSON is enough to run the definitions.

\`\`\`sh
${tidemark} plan features.ts --out features.json
\`\`\`

The features of one card at a time, from the events up to then:

\`\`\`sh
${tidemark} features get --definitions features.ts --events events.csv --view card_spending --entity card=c-07 --at 2024-03-14T12:00:00Z
\`\`\`

What the model would read for a card at a merchant, as JSON:

\`\`\`sh
${tidemark} features get --definitions features.json --events events.csv --service fraud_model --entity card=c-07 --entity merchant=books --at 2024-03-14T12:00:00Z --json
\`\`\`

A training set: the rows with their features as of each row's time. Nothing that was not known then is in it.

\`\`\`sh
${tidemark} training-set --definitions features.ts --events events.csv --rows rows.csv --time asked_at --out training.csv
\`\`\`

Does another run give the same?

\`\`\`sh
${tidemark} training-set --definitions features.json --events events.csv --rows rows.csv --time asked_at --out again.csv
${tidemark} compare training.csv again.csv
\`\`\`

Now all of it at once, as it would run: \`${tidemark} dev --definitions features.ts\` keeps log, archive, batch and stream in a folder, serves
them on loopback, and prints commands that send a payment and ask for its features.

Then change something: add a window to \`.over(…)\`, check, and ask again. \`${tidemark} plan features.ts --against features.json\` says what your change
means for state that exists. Remove \`training.csv\` or add \`--overwrite\` before you write it again.
`
}
