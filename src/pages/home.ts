import { html } from '../http/html.ts'
import type { HttpServer } from '../http/server.ts'
import type { PagesNeeds } from './needs.ts'
import { layout } from './shell/layout.ts'

/** `/`: where everything is. */
export function homePage(server: HttpServer, { serviceName, appUrl, mailbox }: PagesNeeds): void {
  server.get('/', async (_request, reply) =>
    reply.send(
      layout({
        title: serviceName,
        body: html`<ul>
<li><a href="/sign-up">Sign up</a></li>
<li><a href="/sign-in">Sign in</a></li>
<li><a href="/account">Your account</a></li>
${appUrl && html`<li><a href="${appUrl}">Go on to the application</a></li>`}
${mailbox && html`<li><a href="/mailbox">Mailbox</a>: the letters that this service sent</li>`}
<li><a href="/docs">Reference for developers</a></li>
</ul>`,
      }),
    ),
  )
}
