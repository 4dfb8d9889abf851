import type { IncomingMessage } from 'node:http'
import type { HttpCode } from './problem.ts'

/** What the headers of a request alone are refused for: whom it is meant for (RFC 9112 section 3.2), and what it expects. */
export function headersRefusal({ httpVersion, headers, rawHeaders }: IncomingMessage): HttpCode | undefined {
  let hosts = 0
  for (let index = 0; index < rawHeaders.length; index += 2) if (isHost(rawHeaders[index]!)) hosts++
  if (hosts > 1 || (hosts === 0 && httpVersion === '1.1')) return 'bad_request'
  const { expect } = headers
  const isMet = expect === undefined || expect.toLowerCase() === '100-continue' || httpVersion === '1.0'
  return isMet ? undefined : 'expectation_failed'
}

const isHost = (name: string) => name.length === 4 && name.toLowerCase() === 'host'
