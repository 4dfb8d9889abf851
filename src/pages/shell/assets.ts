import { createHash } from 'node:crypto'
import type { HttpServer } from '../../http/server.ts'

const STYLE = `:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
body { margin: 0; display: grid; justify-items: center }
main { width: min(100% - 2rem, 26rem); margin: 3rem 0 }
main:has(.wide) { width: min(100% - 2rem, 48rem) }
h1 { font-size: 1.5rem }
form { display: grid; gap: 1rem; margin: 1.5rem 0 }
label { display: grid; gap: .25rem }
input, button { font: inherit; padding: .5rem .75rem; border: 1px solid #8888; border-radius: .375rem }
button { background: #1d4ed8; border-color: #1d4ed8; color: #fff; cursor: pointer }
button.plain { background: none; border-color: #8888; color: inherit }
:focus-visible { outline: 2px solid #1d4ed8; outline-offset: 2px }
.alert { border-left: 4px solid #b91c1c; padding: .5rem .75rem; background: #b91c1c1a }
.notice { border-left: 4px solid #15803d; padding: .5rem .75rem; background: #15803d1a }
dl { display: grid; grid-template-columns: auto 1fr; gap: .25rem 1rem }
dt { color: GrayText } dd { margin: 0; overflow-wrap: anywhere }
table { width: 100%; border-collapse: collapse } td, th { text-align: left; padding: .375rem .5rem .375rem 0; border-bottom: 1px solid #8884 }
pre { white-space: pre-wrap; overflow-wrap: anywhere }
iframe { width: 100%; height: 26rem; border: 1px solid #8884; background: #fff }
`

// The token leaves the address bar, the history and what an extension or a shared screen shows.
const CONFIRM_SCRIPT = `history.replaceState(null, '', location.pathname)
`

/** What pages load: our own style and script, and nothing from elsewhere. */
export function assetRoutes(server: HttpServer): void {
  for (const [path, type, content] of [
    ['/assets/style.css', 'text/css', STYLE],
    ['/assets/confirm.js', 'text/javascript', CONFIRM_SCRIPT],
  ] as const) {
    const etag = `"${createHash('sha256').update(content).digest('base64url').slice(0, 22)}"`
    server.get(path, { schema: { hide: true } }, async (request, reply) => {
      reply.headers({ etag, 'cache-control': 'no-cache' })
      if (request.headers['if-none-match'] === etag) return reply.code(304).send()
      return reply.type(`${type}; charset=utf-8`).send(content)
    })
  }
}
