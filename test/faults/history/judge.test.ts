import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { violationsIn } from './counted.ts'
import { type HistoryEvent, requestsOf } from './event.ts'
import { type AccountRow, type Evidence, judge, type TakenLetter } from './judge.ts'

const time = '2026-01-01T00:00:00.000Z'
const ann = 'ann@example.com'
const annsAccount: AccountRow = { id: '1', email: ann, status: 'unconfirmed' }
const annsLetter: TakenLetter = { to: ann, messageId: '<1>', token: 'one' }

const signedUp: HistoryEvent[] = [
  { time, id: 1, type: 'invoked', operation: 'sign up', email: ann },
  { time, id: 1, type: 'ok', status: 201, account: '1' },
]
const confirming: HistoryEvent = { time, id: 2, type: 'invoked', operation: 'confirm', email: ann }
const confirmed: HistoryEvent[] = [confirming, { time, id: 2, type: 'ok', status: 200 }]

const flawless: Evidence = {
  events: signedUp,
  accounts: [annsAccount],
  letters: [annsLetter],
  givenUp: [],
  waiting: 0,
}
const violationsOf = (evidence: Partial<Evidence>) => violationsIn(judge({ ...flawless, ...evidence }))

describe('no fault is found', () => {
  test('in a sign-up that was answered, with its account and its letter', () => {
    assert.deepEqual(violationsOf({}), {})
  })

  test('in a sign-up without an answer, whether it happened or not', () => {
    for (const events of [
      signedUp.slice(0, 1),
      [signedUp[0]!, { time, id: 1, type: 'unknown', reason: 'ECONNRESET' } as const],
    ]) {
      assert.deepEqual(violationsOf({ events }), {})
      assert.deepEqual(violationsOf({ events, accounts: [], letters: [] }), {})
    }
  })

  test('in a confirmation without an answer, whether it happened or not', () => {
    const events = [...signedUp, confirming]
    for (const status of ['unconfirmed', 'active'] as const)
      assert.deepEqual(violationsOf({ events, accounts: [{ ...annsAccount, status }] }), {})
  })

  test('in a letter that comes again, which is counted', () => {
    const judgement = judge({ ...flawless, letters: [annsLetter, annsLetter] })
    assert.deepEqual(violationsIn(judgement), {})
    assert.equal(judgement.duplicates, 1)
  })

  test('in an exchange whose answer was lost and that is repeated', () => {
    const refresh = { operation: 'refresh', email: ann } as const
    const events: HistoryEvent[] = [
      ...signedUp,
      { time, id: 3, type: 'invoked', ...refresh },
      { time, id: 3, type: 'unknown', reason: 'ECONNRESET' },
      { time, id: 4, type: 'invoked', ...refresh },
      { time, id: 4, type: 'ok', status: 200 },
    ]
    assert.deepEqual(violationsOf({ events }), {})
    assert.equal(judge({ ...flawless, events }).repeatedExchanges, 1)
  })
})

describe('a fault is found', () => {
  test('when a sign-up was answered and there is no account', () => {
    assert.deepEqual(violationsOf({ accounts: [], letters: [] }), { lostSignUps: [ann] })
  })

  test('when a sign-up was answered and the account is another one', () => {
    assert.deepEqual(violationsOf({ accounts: [{ ...annsAccount, id: '2' }] }), { lostSignUps: [ann] })
  })

  test('when an account has no letter, answered or not', () => {
    for (const events of [signedUp, signedUp.slice(0, 1)])
      assert.deepEqual(violationsOf({ events, letters: [] }), { accountsWithoutLetter: [ann] })
  })

  test('when a letter has no account', () => {
    assert.deepEqual(violationsOf({ events: signedUp.slice(0, 1), accounts: [] }), { lettersWithoutAccount: [ann] })
  })

  test('when an account is there that nobody asked for, or whose sign-up was refused', () => {
    const refused: HistoryEvent = { time, id: 1, type: 'failed', status: 429, reason: 'too_many_requests' }
    assert.deepEqual(violationsOf({ events: [] }), { accountsNobodyAskedFor: [ann] })
    const events = [signedUp[0]!, refused]
    assert.deepEqual(violationsOf({ events }), { accountsNobodyAskedFor: [ann], refusals: [ann] })
  })

  test('when one sign-up made two accounts', () => {
    const accounts = [annsAccount, { ...annsAccount, id: '2' }]
    assert.deepEqual(violationsOf({ accounts }), { accountsNobodyAskedFor: [ann] })
  })

  test('when a letter was given up', () => {
    assert.deepEqual(violationsOf({ givenUp: [ann] }), { lettersGivenUp: [ann] })
  })

  test('when a letter comes again as another letter, or with another token', () => {
    for (const other of [{ messageId: '<2>' }, { token: 'other' }, { token: undefined }])
      assert.deepEqual(violationsOf({ letters: [annsLetter, { ...annsLetter, ...other }] }), {
        unlikeDuplicates: [ann],
      })
  })

  test('when an account is confirmed that nobody confirmed, or whose confirmation was refused', () => {
    const accounts: AccountRow[] = [{ ...annsAccount, status: 'active' }]
    const refused: HistoryEvent = { time, id: 2, type: 'failed', status: 403, reason: 'proof_wrong' }
    assert.deepEqual(violationsOf({ accounts }), { confirmedByNobody: [ann] })
    const events = [...signedUp, confirming, refused]
    assert.deepEqual(violationsOf({ events, accounts }), { confirmedByNobody: [ann], refusals: [ann] })
  })

  test('when a confirmation was answered and the account is not confirmed', () => {
    assert.deepEqual(violationsOf({ events: [...signedUp, ...confirmed] }), { lostConfirmations: [ann] })
  })

  test('when an exchange is refused', () => {
    const events: HistoryEvent[] = [
      ...signedUp,
      { time, id: 3, type: 'invoked', operation: 'refresh', email: ann },
      { time, id: 3, type: 'failed', status: 400, reason: 'reused' },
    ]
    assert.deepEqual(violationsOf({ events }), { lostSessions: [ann] })
  })
})

test('A history in which an answer comes before its request is refused', () => {
  assert.throws(() => requestsOf([{ time, id: 1, type: 'ok', status: 201 }]), /invoked first/)
})
