import { type Html, html } from '../../http/html.ts'

export type Page = {
  title: string
  body: Html
  /** Path of a script of our own that the page runs; it works without. */
  script?: string
  /** Seconds after which the page loads itself again. */
  refreshAfter?: number | undefined
}

/** A whole page. */
export function layout({ title, body, script, refreshAfter }: Page): string {
  return String(html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
${refreshAfter && html`<meta http-equiv="refresh" content="${refreshAfter}">`}
<title>${title}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/assets/style.css">
${script && html`<script src="${script}" defer></script>`}
</head>
<body>
<main>
<h1>${title}</h1>
${body}
</main>
</body>
</html>
`)
}

/** What went wrong, where a screen reader meets it first. */
export const alert = (text: string | undefined): Html | undefined =>
  text === undefined ? undefined : html`<p class="alert" role="alert">${text}</p>`

export const emailField = (value = ''): Html => html`<label>E-mail address
<input type="email" name="email" value="${value}" autocomplete="username" required maxlength="254" autofocus></label>`

export const passwordField = (use: 'current-password' | 'new-password', minLength?: number): Html =>
  html`<label>Password
<input type="password" name="password" autocomplete="${use}" required${
    minLength === undefined ? undefined : html` minlength="${minLength}"`
  }></label>`
