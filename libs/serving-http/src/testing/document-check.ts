// Holds what a server answers to its OpenAPI document: path, status, content type and body, by the JSON Schema dialect that OpenAPI 3.1 is of.
// It keeps account of what was seen, so that a test can tell which answers the document has that nobody gave.

import { Ajv2020 } from 'ajv/dist/2020.js'

interface Operation {
  readonly responses: Readonly<Record<string, { readonly content: Readonly<Record<string, object>> }>>
}

interface OpenApiDocument {
  /** Each path has one operation. */
  readonly paths: Readonly<Record<string, Readonly<Record<string, object>>>>
}

const escaped = (part: string): string => part.replaceAll('~', '~0').replaceAll('/', '~1')

export class DocumentCheck {
  private readonly document: OpenApiDocument
  private readonly ajv = new Ajv2020({ strict: false, allErrors: true })
  private readonly unseen: Set<string>

  constructor(document: OpenApiDocument) {
    this.document = document
    this.ajv.addSchema(document, 'document')
    this.unseen = new Set(Object.keys(document.paths).flatMap((path) => Object.keys(this.operation(path).responses).map((status) => `${path} ${status}`)))
  }

  /** The body of a response. Throws where the document does not have it so; a path that it does not have is answered with a problem. */
  async body(response: Response): Promise<unknown> {
    const { status, headers } = response
    const body: unknown = await response.json()
    const path = this.pathOf(new URL(response.url).pathname)
    const type = headers.get('content-type') ?? ''
    const schema = path === null ? '/components/schemas/Problem' : this.schemaOf(path, status, type)
    if (!this.ajv.validate(`document#${schema}`, body)) throw new Error(`${path} ${status}: ${this.ajv.errorsText()} in ${JSON.stringify(body)}`)
    if (path !== null) this.unseen.delete(`${path} ${status}`)
    return body
  }

  /** Answers of paths that begin so which the document has and nobody gave. */
  unseenOf(path: string): string[] {
    return [...this.unseen].filter((each) => each.startsWith(path))
  }

  private schemaOf(path: string, status: number, type: string): string {
    const [method] = Object.keys(this.document.paths[path]!)
    const content = this.operation(path).responses[status]?.content[type]
    if (content === undefined) throw new Error(`${path} does not answer with ${status} and ${type}.`)
    return ['', 'paths', path, method!, 'responses', String(status), 'content', type, 'schema'].map(escaped).join('/')
  }

  private operation(path: string): Operation {
    return Object.values(this.document.paths[path]!)[0] as Operation
  }

  private pathOf(asked: string): string | null {
    return Object.keys(this.document.paths).find((path) => new RegExp(`^${path.replaceAll(/\{\w+\}/g, '[^/]+')}$`).test(asked)) ?? null
  }
}
