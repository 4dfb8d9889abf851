import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type Findings, violationsOf } from '../../../proof/experiment.ts'
import { holdsInShort } from '../../../proof/short-form.ts'
import type { Alteration } from '../../../support/altered-source.ts'
import { blackhole, fallSilent } from './blackhole.ts'
import { failOver, readOnlyFailover } from './read-only-failover.ts'
import { lockRows, rowLock } from './row-lock.ts'

const postgresUrl = process.env.AUTH_TEST_POSTGRES!

const BROKEN: { what: string; alteration: Alteration; run(alterations: Alteration[]): Promise<Findings> }[] = [
  {
    what: 'A service whose queries have no deadline',
    alteration: {
      file: 'storage/bounded-client.ts',
      find: 'this.#deadline = config.query_timeout ?? 0',
      replace: 'this.#deadline = 0',
    },
    run: alterations => fallSilent({ trials: 12, postgresUrl, alterations }),
  },
  {
    what: 'A service that keeps connections to a read-only server',
    alteration: {
      file: 'storage/bounded-client.ts',
      find: 'this.#isSpent ||= endsConnection(code)',
      replace: 'void endsConnection(code)',
    },
    run: alterations => failOver({ trials: 12, alterations }),
  },
  {
    what: 'A service whose refreshes wait for locked rows',
    alteration: {
      file: 'sessions/rotate.ts',
      find: 'for update of session skip locked',
      replace: 'for update of session',
    },
    run: alterations => lockRows({ trials: 12, postgresUrl, alterations }),
  },
]

describe('failures of the database', { concurrency: 2 }, () => {
  for (const experiment of [blackhole, readOnlyFailover, rowLock])
    test(experiment.claim, async () => {
      await holdsInShort(experiment)
    })

  for (const { what, alteration, run } of BROKEN)
    test(`${what} is found out`, async () => {
      assert.notDeepEqual(violationsOf(await run([alteration])), [])
    })
})
