import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { openBrowser, type TestBrowser } from '../support/browser.ts'
import { shiftClock } from '../support/database.ts'
import {
  confirmedAccount,
  lettersTo,
  PASSWORD,
  signIn,
  signUp,
  startTestService,
  type TestService,
  tokenIn,
} from '../support/service.ts'

const TEN_YEARS = 10 * 365 * 86_400 // seconds
const LONGEST = `${'pasted 🔑 '.repeat(28)}pass` // 256 code points

describe('a page that asks for a password', () => {
  let service: TestService
  let chromium: TestBrowser
  let pages: [path: string, use: string][]
  before(async () => {
    service = await startTestService('PGlite')
    chromium = await openBrowser()
    const { email } = await signUp(service)
    const token = tokenIn((await lettersTo(service, email))[0]!)
    pages = [
      ['/sign-up', 'new-password'],
      ['/sign-in', 'current-password'],
      [`/confirm?token=${token}`, 'current-password'],
    ]
  })
  after(async () => {
    await chromium?.close()
    await service?.[Symbol.asyncDispose]()
  })

  test('tells password managers what to fill in, and takes what is pasted as it is [R35]', async () => {
    assert.equal([...LONGEST].length, 256)
    const context = await chromium.browser.newContext({
      baseURL: service.url,
      permissions: ['clipboard-read', 'clipboard-write'],
    })
    const page = await context.newPage()
    for (const [path, use] of pages) {
      await page.goto(path)
      const field = page.locator('input[type=password]')
      assert.equal(await field.getAttribute('autocomplete'), use, path)
      const email = page.locator('input[type=email]')
      if ((await email.count()) > 0) assert.equal(await email.getAttribute('autocomplete'), 'username', path)
      await page.evaluate(text => navigator.clipboard.writeText(text), LONGEST)
      await field.focus()
      await page.keyboard.press('ControlOrMeta+V')
      assert.equal(await field.inputValue(), LONGEST, path)
    }
    await context.close()
  })

  test('asks for no hint, and for no other password after ten years [R35]', async () => {
    const page = await chromium.browser.newPage({ baseURL: service.url })
    for (const [path] of pages) {
      await page.goto(path)
      const names = await page
        .locator('input:not([type=hidden])')
        .evaluateAll(all => all.map(each => each.getAttribute('name')))
      assert.deepEqual(
        names.filter(name => name !== 'email'),
        ['password'],
        path,
      )
    }
    await page.close()
    const account = await confirmedAccount(service)
    await shiftClock(service.service.database, TEN_YEARS)
    assert.equal(account.password, PASSWORD)
    await signIn(service, account)
  })
})
