// A small S3 server in this process, for what a real one does not do when asked to: ignore conditions, lose an answer, never answer.
import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

interface FakeObject {
  readonly bytes: Buffer
  readonly mark: string | undefined
  readonly etag: string
}

/** What happens to a request: it is not read, done without an answer, never answered, or answered with this status. */
export type Fault = 'cut' | 'lose' | 'stall' | number
/** Conditions that are honoured. */
export type Honoured = 'create' | 'match' | 'complete'

export interface FakeS3 extends AsyncDisposable {
  readonly endpoint: string
  readonly objects: Map<string, FakeObject>
  /** `PUT bucket/key` of each request, with the range where one is asked for. */
  readonly requests: string[]
  /** Asked for each request; undefined: it is served. */
  fault: (request: string) => Fault | undefined
}

const NAMES: Readonly<Record<number, string>> = { 409: 'ConditionalRequestConflict', 503: 'SlowDown' }
const XML = '<?xml version="1.0" encoding="UTF-8"?>'

export async function startFakeS3(honoured: readonly Honoured[] = ['create', 'match', 'complete']): Promise<FakeS3> {
  const server = createServer((request, response) => void serve(request, response))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const fake: FakeS3 = {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    objects: new Map(),
    requests: [],
    fault: () => undefined,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  const uploads = new Map<string, { readonly mark: string | undefined; readonly parts: Buffer[] }>()

  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const url = new URL(request.url!, fake.endpoint)
    const name = [request.method, url.pathname.slice(1), request.headers.range].filter(Boolean).join(' ')
    const fault = fake.fault(name)
    fake.requests.push(name)
    if (fault === 'cut') return void request.socket.destroy()
    if (fault === 'stall') return
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    if (typeof fault === 'number') return answerError(response, fault, NAMES[fault] ?? `Status${fault}`)
    answer(request, url, Buffer.concat(chunks), fault === 'lose' ? null : response)
    if (fault === 'lose') request.socket.destroy()
  }

  const put = (request: IncomingMessage, path: string, bytes: Buffer, mark: string | undefined, response: ServerResponse | null, body?: string): void => {
    const found = fake.objects.get(path)
    const { 'if-none-match': noneMatch, 'if-match': match } = request.headers
    if (noneMatch === '*' && found && honoured.includes(body === undefined ? 'create' : 'complete')) return answerError(response, 412, 'PreconditionFailed')
    if (match !== undefined && honoured.includes('match')) {
      if (!found) return answerError(response, 404, 'NoSuchKey')
      if (found.etag !== match) return answerError(response, 412, 'PreconditionFailed')
    }
    const etag = `"${createHash('md5').update(bytes).digest('hex')}"`
    fake.objects.set(path, { bytes, mark, etag })
    response?.writeHead(200, { etag }).end(body)
  }

  const answer = (request: IncomingMessage, url: URL, body: Buffer, response: ServerResponse | null): void => {
    const path = url.pathname.slice(1)
    const mark = request.headers['x-amz-meta-tidemark'] as string | undefined
    const uploadId = url.searchParams.get('uploadId')
    if (url.searchParams.has('uploads')) {
      const id = String(uploads.size)
      uploads.set(id, { mark, parts: [] })
      response?.writeHead(200).end(`${XML}<InitiateMultipartUploadResult><UploadId>${id}</UploadId></InitiateMultipartUploadResult>`)
    } else if (uploadId !== null) {
      const upload = uploads.get(uploadId)
      if (!upload) return answerError(response, 404, 'NoSuchUpload')
      if (request.method === 'PUT') {
        upload.parts[Number(url.searchParams.get('partNumber')) - 1] = body
        response?.writeHead(200, { etag: '"part"' }).end()
      } else if (request.method === 'POST') {
        const isThere = fake.objects.has(path)
        put(request, path, Buffer.concat(upload.parts), upload.mark, response, `${XML}<CompleteMultipartUploadResult><ETag>"whole"</ETag></CompleteMultipartUploadResult>`)
        if (!isThere) uploads.delete(uploadId)
      } else {
        uploads.delete(uploadId)
        response?.writeHead(204).end()
      }
    } else if (request.method === 'PUT') {
      put(request, path, body, mark, response)
    } else if (request.method === 'DELETE') {
      fake.objects.delete(path)
      response?.writeHead(204).end()
    } else {
      const found = fake.objects.get(path)
      if (!found) return answerError(response, 404, 'NoSuchKey')
      const { 'if-match': match } = request.headers
      if (match !== undefined && match !== found.etag) return answerError(response, 412, 'PreconditionFailed')
      const range = rangeOf(request, found.bytes.length)
      const bytes = range === null ? found.bytes : found.bytes.subarray(range.from, range.to)
      const headers = { etag: found.etag, 'content-length': bytes.length, ...(found.mark !== undefined && { 'x-amz-meta-tidemark': found.mark }) }
      if (range !== null && range.from >= range.to) return answerError(response, 416, 'InvalidRange')
      if (range !== null) response?.setHeader('content-range', `bytes ${range.from}-${range.to - 1}/${found.bytes.length}`)
      response?.writeHead(range === null ? 200 : 206, headers).end(request.method === 'HEAD' ? undefined : bytes)
    }
  }
  return fake
}

function rangeOf({ headers }: IncomingMessage, sizeBytes: number): { readonly from: number; readonly to: number } | null {
  const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(headers.range ?? '') ?? []
  return first === undefined ? null : { from: Number(first), to: Math.min(sizeBytes, Number(last) + 1) }
}

function answerError(response: ServerResponse | null, status: number, code: string): void {
  response?.writeHead(status, { 'content-type': 'application/xml' }).end(`${XML}<Error><Code>${code}</Code><Message>${code} it is.</Message></Error>`)
}
