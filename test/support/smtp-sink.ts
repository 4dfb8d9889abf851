import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { createInterface } from 'node:readline'
import { TLSSocket } from 'node:tls'
import type { Certificate } from './self-signed-certificate.ts'

export type Verb = 'connect' | 'EHLO' | 'STARTTLS' | 'AUTH' | 'MAIL' | 'RCPT' | 'DATA' | 'letter' | 'QUIT'

/** What the server says: a reply, nothing at all, or nothing and the end of the connection. */
export type Reply = string | 'silence' | 'drop'

export type SinkLetter = { from: string; to: string[]; raw: string; isEncrypted: boolean }

export type SmtpSinkOptions = {
  /** What it says instead of the usual, by what it was told; the greeting is `connect`, after a letter `letter`. */
  replies?: Partial<Record<Verb, Reply | ((line: string) => Reply | undefined)>>
  /** Whether it offers STARTTLS, speaks TLS from the first byte, or neither. */
  tls?: 'starttls' | 'implicit' | 'none'
  certificate?: Certificate
  /** Whom it lets in by AUTH PLAIN; without, it offers no AUTH. */
  credentials?: { user: string; pass: string }
  /** What it waits for before it answers a letter. */
  untilTaken?: (letter: SinkLetter) => Promise<unknown>
  /** On a port, such as that of one that was closed. */
  port?: number
}

export type SmtpSink = AsyncDisposable & {
  port: number
  letters: SinkLetter[]
  /** Every line that it was told, letters apart. */
  lines: string[]
  /** How many there have been. */
  connections: number
  /** How many there are now, and how many there were at once at the most. */
  open: number
  mostOpen: number
  /** Letters that it is taking now, and those that it was taking at once at the most. */
  inHand: number
  mostInHand: number
  /** May be changed at any time. */
  replies: NonNullable<SmtpSinkOptions['replies']>
  close(): Promise<void>
}

/** A mail server that says what a test wants it to say, at any point of the conversation (RFC 5321). */
export async function openSmtpSink(options: SmtpSinkOptions = {}): Promise<SmtpSink> {
  const { replies = {}, tls = 'none', certificate, port = 0 } = options
  const sockets = new Set<Socket>()
  const server = createServer(socket => {
    sink.connections += 1
    sockets.add(socket)
    sink.open = sockets.size
    sink.mostOpen = Math.max(sink.mostOpen, sink.open)
    socket
      .on('close', () => {
        sockets.delete(socket)
        sink.open = sockets.size
      })
      .on('error', () => {})
    if (tls === 'implicit') converse(encrypted(socket, certificate!), sink, options, true)
    else converse(socket, sink, options, false)
  })
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  const close = async () => {
    const closed = once(server, 'close')
    server.close()
    for (const socket of sockets) socket.destroy()
    await closed
  }
  const sink: SmtpSink = {
    port: (server.address() as AddressInfo).port,
    letters: [],
    lines: [],
    connections: 0,
    open: 0,
    mostOpen: 0,
    inHand: 0,
    mostInHand: 0,
    replies,
    close,
    [Symbol.asyncDispose]: async () => {
      if (server.listening) await close()
    },
  }
  return sink
}

function encrypted(socket: Socket, { key, cert }: Certificate): TLSSocket {
  const secure = new TLSSocket(socket, { isServer: true, key, cert })
  secure.on('error', () => socket.destroy())
  return secure
}

function converse(socket: Socket, sink: SmtpSink, options: SmtpSinkOptions, isEncrypted: boolean, greets = true): void {
  let letter: SinkLetter | undefined
  let data: string[] | undefined
  const say = (verb: Verb, line: string, usual: Reply): boolean => {
    const scripted = sink.replies[verb]
    const reply = (typeof scripted === 'function' ? scripted(line) : scripted) ?? usual
    if (reply === 'drop') socket.destroy()
    else if (reply !== 'silence') socket.write(`${reply}\r\n`)
    return /^[23]/.test(reply)
  }

  const hear: Record<string, (line: string) => void> = {
    EHLO: line => say('EHLO', line, `250-sink\r\n${extensions(options, isEncrypted)}250 PIPELINING`),
    STARTTLS: line => {
      if (!say('STARTTLS', line, options.certificate ? '220 go ahead' : '454 not now')) return
      lines.close()
      converse(encrypted(socket, options.certificate!), sink, options, true, false)
    },
    AUTH: line => say('AUTH', line, isRight(line, options.credentials) ? '235 2.7.0 welcome' : '535 5.7.8 go away'),
    MAIL: line => {
      if (say('MAIL', line, '250 2.1.0 ok')) letter = { from: addressIn(line), to: [], raw: '', isEncrypted }
    },
    RCPT: line => {
      if (!letter) say('RCPT', line, '503 5.5.1 MAIL first')
      else if (say('RCPT', line, '250 2.1.5 ok')) letter.to.push(addressIn(line))
    },
    DATA: line => {
      if (!letter?.to.length) say('DATA', line, '554 5.5.1 no valid recipients')
      else if (say('DATA', line, '354 go on')) data = []
    },
    RSET: () => {
      letter = undefined
      socket.write('250 2.0.0 ok\r\n')
    },
    QUIT: line => {
      say('QUIT', line, '221 2.0.0 bye')
      socket.end()
    },
  }
  const take = (line: string) => {
    if (line !== '.') return void data!.push(line.replace(/^\.\./, '.'))
    const arrived = { ...letter!, raw: data!.join('\r\n') }
    data = letter = undefined
    sink.inHand += 1
    sink.mostInHand = Math.max(sink.mostInHand, sink.inHand)
    const settle = () => {
      sink.inHand -= 1
      if (say('letter', '.', '250 2.0.0 taken')) sink.letters.push(arrived)
    }
    if (options.untilTaken) void options.untilTaken(arrived).then(settle)
    else settle()
  }

  const lines = createInterface({ input: socket, crlfDelay: Number.POSITIVE_INFINITY })
  lines.on('error', () => {})
  lines.on('line', line => {
    if (data) return take(line)
    sink.lines.push(line)
    const verb = line.split(/[ :]/, 1)[0]!.toUpperCase()
    if (hear[verb]) hear[verb](line)
    else socket.write('502 5.5.1 what?\r\n')
  })
  if (greets) say('connect', '', '220 sink ESMTP')
}

function extensions({ tls, credentials }: SmtpSinkOptions, isEncrypted: boolean): string {
  return `${tls === 'starttls' && !isEncrypted ? '250-STARTTLS\r\n' : ''}${credentials ? '250-AUTH PLAIN\r\n' : ''}`
}

function isRight(line: string, credentials: SmtpSinkOptions['credentials']): boolean {
  const said = Buffer.from(line.split(' ')[2] ?? '', 'base64').toString()
  return credentials !== undefined && said === `\0${credentials.user}\0${credentials.pass}`
}

function addressIn(line: string): string {
  return /<(.*)>/.exec(line)?.[1] ?? ''
}
