import type { SmtpSink } from '../../../support/smtp-sink.ts'
import type { CuttingProxy, Watch } from '../cutting-proxy.ts'

/** One way in which a mail server is away, and how it comes back. */
export type OutageMode = {
  name: string
  begin(server: { sink: SmtpSink; proxy: CuttingProxy }): void | Promise<void>
  end(server: { sink: SmtpSink; proxy: CuttingProxy }): void | Promise<void>
}

export const OUTAGE_MODES: readonly OutageMode[] = [
  { name: 'connections refused', begin: ({ proxy }) => proxy.close(), end: ({ proxy }) => proxy.open() },
  replying('silence', 'connect', 'silence'),
  replying('421 at connect', 'connect', '421 4.3.2 not now'),
  replying('451 at MAIL', 'MAIL', '451 4.3.0 later'),
  replying('452 at RCPT', 'RCPT', '452 4.3.1 full'),
  cutting('cut in the letter', () => {
    let isLetter = false
    return (from, chunk) => {
      if (from === 'client' && isLetter) return chunk.length >> 1
      if (from === 'server' && /^354/m.test(chunk.toString('latin1'))) isLetter = true
      return undefined
    }
  }),
  cutting('letter taken, answer cut', () => {
    return (from, chunk) => (from === 'server' && /^250 2\.0\.0 taken/m.test(chunk.toString('latin1')) ? 0 : undefined)
  }),
]

function replying(name: string, verb: 'connect' | 'MAIL' | 'RCPT', reply: string): OutageMode {
  return {
    name,
    begin({ sink, proxy }) {
      sink.replies[verb] = reply
      proxy.cut() // what is open already has had its greeting
    },
    end({ sink }) {
      delete sink.replies[verb]
    },
  }
}

function cutting(name: string, watch: () => Watch): OutageMode {
  return {
    name,
    begin({ proxy }) {
      proxy.watch = watch
      proxy.cut() // what is open already is not watched
    },
    end({ proxy }) {
      proxy.watch = undefined
      proxy.cut()
    },
  }
}
