import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { BrowserContext, Page } from 'playwright-core'
import { openBrowser, type TestBrowser } from '../support/browser.ts'
import { DATABASES } from '../support/database.ts'
import {
  lettersTo,
  newAddress,
  PASSWORD,
  send,
  startTestService,
  type TestService,
  tokenIn,
} from '../support/service.ts'

for (const kind of DATABASES) {
  describe(`in a browser, on ${kind}`, () => {
    let service: TestService
    let chromium: TestBrowser
    before(async () => {
      service = await startTestService(kind)
      chromium = await openBrowser()
    })
    after(async () => {
      await chromium?.close()
      await service?.[Symbol.asyncDispose]()
    })

    async function newPage(
      options: { javaScriptEnabled?: boolean } = {},
    ): Promise<Page & { context(): BrowserContext }> {
      const context = await chromium.browser.newContext({ baseURL: service.url, ...options })
      return context.newPage()
    }

    async function signUpIn(page: Page, email: string) {
      await page.goto('/sign-up')
      await page.getByLabel('E-mail address').fill(email)
      await page.getByLabel('Password').fill(PASSWORD)
      await page.getByRole('button', { name: 'Sign up' }).click()
      await page.waitForURL('**/confirm')
    }

    async function signInIn(page: Page, email: string) {
      await page.goto('/sign-in')
      await page.getByLabel('E-mail address').fill(email)
      await page.getByLabel('Password').fill(PASSWORD)
      await page.getByRole('button', { name: 'Sign in' }).click()
      await page.waitForURL('**/account')
    }

    const canSignIn = async (email: string) =>
      (await send(`${service.url}/v1/sessions`, { json: { email, password: PASSWORD } })).status === 201

    for (const javaScriptEnabled of [true, false])
      test(`a person signs up, opens the letter, confirms, signs in and out, with${javaScriptEnabled ? '' : 'out'} scripts`, async () => {
        const page = await newPage({ javaScriptEnabled })
        const email = newAddress()
        await signUpIn(page, email)
        const [letter] = await lettersTo(service, email)
        await page.goto('/mailbox')
        await page.getByRole('row', { name: email }).getByRole('link').click()
        await page.frameLocator('iframe').getByRole('link', { name: 'Confirm the address' }).click()
        await page.getByRole('heading', { name: 'Confirm your address' }).waitFor()
        assert.equal(page.url(), `${service.url}/confirm${javaScriptEnabled ? '' : `?token=${tokenIn(letter!)}`}`)
        await page.getByRole('button', { name: 'Confirm the address' }).click()
        await page.getByText(`${email} is confirmed`).waitFor()
        await page.getByRole('link', { name: 'Sign in' }).click()
        await signInIn(page, email)
        await page.getByText(email).waitFor()
        assert.ok(!(await page.content()).includes('authsvc_rt_'))
        await page.getByRole('button', { name: 'Sign out' }).click()
        await page.goto('/account')
        assert.equal(new URL(page.url()).pathname, '/sign-in')
        await page.context().close()
      })

    test('a scanner that opens the link, runs the scripts and submits the forms confirms nothing [R05, R07]', async () => {
      const person = await newPage()
      const email = newAddress()
      await signUpIn(person, email)
      const [letter] = await lettersTo(service, email)
      const link = `/confirm?token=${tokenIn(letter!)}`
      const scanner = await newPage()
      for (let visit = 0; visit < 3; visit++) {
        await scanner.goto(link, { waitUntil: 'networkidle' })
        await scanner.evaluate(() => {
          for (const form of document.querySelectorAll('form')) form.noValidate = true
        })
        await Promise.all([scanner.waitForNavigation(), scanner.evaluate(() => document.forms[0]!.submit())])
        assert.equal(await canSignIn(email), false)
        await scanner.goto(link)
        await scanner.getByRole('button', { name: 'Confirm the address' }).click()
      }
      assert.equal(await canSignIn(email), false)
      await person.goto(link)
      await person.getByRole('button', { name: 'Confirm the address' }).click()
      await person.getByRole('heading', { name: 'The address is confirmed' }).waitFor()
      assert.equal(await canSignIn(email), true)
      await scanner.context().close()
      await person.context().close()
    })

    test('a page of another site that posts to /sign-up is refused [R53]', async () => {
      const page = await newPage()
      const email = newAddress()
      await page.route('http://evil.localhost/**', route =>
        route.fulfill({
          contentType: 'text/html',
          body: `<form method="post" action="${service.url}/sign-up"><input name="email" value="${email}">
            <input name="password" value="${PASSWORD}"><button>Win</button></form>`,
        }),
      )
      await page.goto('http://evil.localhost/')
      const [answer] = await Promise.all([
        page.waitForResponse(response => response.url().endsWith('/sign-up')),
        page.getByRole('button').click(),
      ])
      assert.equal(answer.status(), 403)
      await page.getByText('Open the page on this service itself').waitFor()
      assert.deepEqual(await page.context().cookies(service.url), [])
      await page.context().close()
    })

    test('the cookies of the pages are out of reach of scripts [R52]', async () => {
      const page = await newPage()
      await signUpIn(page, newAddress())
      assert.equal(await page.evaluate(() => document.cookie), '')
      assert.equal((await page.context().cookies()).length, 1)
      await page.context().close()
    })

    test('no page breaks its own policy, and none asks another host for anything [R75]', async () => {
      const page = await newPage()
      const complaints: string[] = []
      const hosts = new Set<string>()
      page.on('console', message => message.type() === 'error' && complaints.push(message.text()))
      page.on('pageerror', error => complaints.push(error.message))
      page.on('request', request => request.url().startsWith('http') && hosts.add(new URL(request.url()).origin))
      for (const path of ['/', '/sign-up', '/sign-in', '/confirm', '/account', '/mailbox', '/docs']) {
        await page.goto(path, { waitUntil: 'networkidle' })
        const icons = await page
          .locator('link[rel="icon"]')
          .evaluateAll(links => links.map(link => (link as HTMLLinkElement).href))
        assert.deepEqual(icons, ['data:,'], `${path} lets browsers ask for /favicon.ico, which is not there`)
      }
      await page.getByText('Sign up').first().waitFor()
      assert.deepEqual(complaints, [])
      assert.deepEqual([...hosts], [service.url])
      await page.context().close()
    })
  })
}
