import type { FastifyRequest } from 'fastify'
import { html } from '../http/html.ts'
import { Refusal } from '../http/problem.ts'
import type { HttpServer } from '../http/server.ts'
import { isDirect } from '../http/trusted-proxies.ts'
import { layout } from './shell/layout.ts'

/** A letter as the mailbox shows it. */
export type MailboxLetter = {
  id: string
  to: string[]
  subject: string
  /** RFC 3339. */
  received_at: string
  text: string
  html: string
}

/** What the pages need of the embedded mailbox. */
export type MailboxReader = {
  /** The newest first. */
  messages(filter?: { to?: string }): Promise<MailboxLetter[]>
  message(id: string): Promise<MailboxLetter | undefined>
}

export type MailboxNeeds = { mailbox: MailboxReader; isLoopback(host: string): boolean; mailboxForced: boolean }

/**
 * `/mailbox`: the letters that went to the embedded mailbox, for trying the service out; and
 * `/mailbox/api/messages?to=…` for tests.
 *
 * Whoever can read it can confirm any address, so it answers on this machine's own names alone: a foreign page whose
 * name was pointed at this machine (DNS rebinding) gets nothing. Nor does anybody behind a reverse proxy that says so, which may
 * well ask by the name localhost; one that says nothing cannot be told from this machine (decision 12).
 */
export function mailboxPages(server: HttpServer, needs: MailboxNeeds): void {
  const { mailbox } = needs
  const mayRead = { onRequest: async (request: FastifyRequest) => refuseOtherMachines(request, needs) }

  server.get('/mailbox', mayRead, async (_request, reply) => {
    const letters = await mailbox.messages()
    return reply.send(
      layout({ title: 'Mailbox', refreshAfter: letters.length === 0 ? 3 : 15, body: listView(letters) }),
    )
  })

  server.get('/mailbox/:id', mayRead, async (request, reply) => {
    const letter = await letterOf(mailbox, request)
    return reply.send(layout({ title: letter.subject, body: letterView(letter) }))
  })

  server.get('/mailbox/:id/html', mayRead, async (request, reply) => {
    const letter = await letterOf(mailbox, request)
    reply.headers({
      'x-frame-options': 'SAMEORIGIN',
      'content-security-policy':
        "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'; " +
        'sandbox allow-top-navigation-by-user-activation allow-popups',
    })
    return reply.send(`<base target="_top">${letter.html}`)
  })

  server.get('/mailbox/api/messages', mayRead, async (request, reply) => {
    const { to } = request.query as { to?: string | string[] }
    const messages = await mailbox.messages(typeof to === 'string' ? { to } : {})
    return reply.type('application/json; charset=utf-8').send(JSON.stringify({ messages }))
  })
}

function refuseOtherMachines({ raw }: FastifyRequest, { isLoopback, mailboxForced }: MailboxNeeds): void {
  if (mailboxForced) return
  const hostname = URL.parse(`http://${raw.headers.host ?? ''}`)?.hostname
  if (!isDirect(raw) || !hostname || !isLoopback(hostname)) throw new Refusal('not_found')
}

async function letterOf(mailbox: MailboxReader, request: FastifyRequest): Promise<MailboxLetter> {
  const letter = await mailbox.message((request.params as { id: string }).id)
  if (!letter) throw new Refusal('not_found')
  return letter
}

const listView = (letters: MailboxLetter[]) =>
  letters.length === 0
    ? html`<p class="wide">No letter has arrived yet. <a href="/sign-up">Sign up</a> to get one.</p>`
    : html`<table class="wide">
<tr><th>To</th><th>Subject</th><th>Arrived</th></tr>
${letters.map(
  ({ id, to, subject, received_at }) => html`<tr>
<td>${to.join(', ')}</td><td><a href="/mailbox/${id}">${subject}</a></td><td>${momentOf(received_at)}</td>
</tr>`,
)}
</table>`

const letterView = ({
  id,
  to,
  received_at,
  text,
}: MailboxLetter) => html`<p class="wide"><a href="/mailbox">All letters</a></p>
<dl><dt>To</dt><dd>${to.join(', ')}</dd><dt>Arrived</dt><dd>${momentOf(received_at)}</dd></dl>
<iframe src="/mailbox/${id}/html" title="The letter as HTML"></iframe>
<h2>As text</h2>
<pre>${text.split(/(https?:\/\/\S+)/).map(part => (/^https?:\/\//.test(part) ? html`<a href="${part}">${part}</a>` : part))}</pre>`

const momentOf = (time: string): string => new Date(time).toISOString().replace('T', ' ').slice(0, 19)
