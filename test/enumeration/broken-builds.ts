import type { Alteration } from '../support/altered-source.ts'

/** Faults that do not get in each other's way, so that one service can have several. */
export type Broken = { what: string; alteration: Alteration; finds: RegExp }

export const BUILDS: Record<string, Broken[]> = {
  'of a service that answers by who has the address,': [
    {
      what: 'a sign-up that answers otherwise for a confirmed address',
      alteration: {
        file: 'accounts/create-account.ts',
        find: '    return { id: account.id, email, createdAt,',
        replace: `  const { findConfirmedAccount } = await import('./account-store.ts')
          if (await findConfirmedAccount(needs.database, email)) throw new Error('the address is taken')
          return { id: account.id, email, createdAt,`,
      },
      finds: /^sign-up .*the status for an address that is confirmed\n +unknown: +201\n +confirmed: 500/m,
    },
    {
      what: 'a sign-in that tells of an unconfirmed account',
      alteration: {
        file: 'accounts/authenticate.ts',
        find: "  if (!account || !matches) throw await fail('invalid_credentials')",
        replace: `  const { findNewestAccount } = await import('./account-store.ts')
          const newest = account ? undefined : await findNewestAccount(database, email)
          if (newest) throw new AccountRefusal('account_disabled')
          if (!account || !matches) throw await fail('invalid_credentials')`,
      },
      finds:
        /^sign-in, wrong password .*the body for an address that is unconfirmed\n +unknown: .*invalid_credentials.*\n +unconfirmed: .*account_disabled/m,
    },
    {
      what: 'a header that only confirmed addresses get',
      alteration: {
        file: 'accounts/routes.ts',
        find: '      const session = await authenticate(',
        replace: `      const { findConfirmedAccount } = await import('./account-store.ts')
          if (await findConfirmedAccount(needs.database, request.body.email)) reply.header('x-known', 'yes')
          const session = await authenticate(`,
      },
      finds:
        /^sign-in, wrong password .*the headers for an address that is confirmed\n +unknown: *\n +confirmed: x-known: yes$/m,
    },
    {
      what: 'a page that tells who has an account',
      alteration: {
        file: 'pages/waiting.ts',
        find: '      return reply.code(202).send(askedView(address))',
        replace: `      const { findConfirmedAccount } = await import('../accounts/account-store.ts')
          if (await findConfirmedAccount(needs.database, address)) return reply.redirect('/sign-in', 303)
          return reply.code(202).send(askedView(address))`,
      },
      finds: /^page: letter .*the status for an address that is confirmed\n +unknown: +202\n +confirmed: 303/m,
    },
  ],
  'of a service that gives it away later,': [
    {
      what: 'a held letter that its ticket shows as queued',
      alteration: {
        file: 'confirmation/letters/letter-store.ts',
        find: 'sql`(shown_sent_at is not null or shown_failed_at is not null)`',
        replace: 'sql`false`',
      },
      finds:
        /^status by 5 tickets .*the body for an address that is unconfirmed\n +unknown: .*"sent".*\n +unconfirmed: .*"queued"/m,
    },
    {
      what: 'a letter that a known address does not get',
      alteration: {
        file: 'confirmation/letters/deliver-letter.ts',
        find: '    await needs.unrecordedEmails.send(',
        replace: "    if (purpose.kind === 'confirmation') await needs.unrecordedEmails.send(",
      },
      finds: /^sign-up .*the letters for an address that is confirmed\n +needed: 1 letter\n +found: +0 letters/m,
    },
    {
      what: 'a status that tells of the confirmed account',
      alteration: {
        file: 'confirmation/read-status.ts',
        find: '...(account.confirmedAt &&',
        replace:
          "...((await (await import('../accounts/account-store.ts')).findConfirmedAccount(database, account.email)) &&",
      },
      finds:
        /^status by ticket .*the body for an address that is confirmed\n +unknown: .*"sent".*\n +confirmed: .*"confirmed"/m,
    },
    {
      what: 'a sign-in that tells of an unconfirmed account to whoever signed up with it',
      alteration: {
        file: 'accounts/authenticate.ts',
        find: "  if (!account || !matches) throw await fail('invalid_credentials')",
        replace: `  const { findNewestAccount } = await import('./account-store.ts')
          const newest = account ? undefined : await findNewestAccount(database, email)
          if (newest && (await inTurn(needs, { network }, turn => verifyPassword(needs, turn, newest, password))).matches)
            throw new AccountRefusal('account_disabled')
          if (!account || !matches) throw await fail('invalid_credentials')`,
      },
      finds: /^sign-in, own sign-up .*the status for an address that is confirmed\n +unknown: +403\n +confirmed: 401/m,
    },
    {
      what: 'a lock that only accounts have',
      alteration: {
        file: 'accounts/authenticate.ts',
        find: '    const account = await findConfirmedAccount(database, email)',
        replace: `    const account = await findConfirmedAccount(database, email)
          if (account) {
            globalThis.tries ??= new Map()
            globalThis.tries.set(email, (globalThis.tries.get(email) ?? 0) + 1)
            if (globalThis.tries.get(email) > 5) throw new AccountRefusal('account_disabled')
          }`,
      },
      finds: /^sign-in, 12 in a row .*the status for an address that is confirmed\n +unknown: +401\n +confirmed: 403/m,
    },
  ],
}
