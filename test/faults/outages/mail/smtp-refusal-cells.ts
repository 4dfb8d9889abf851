import type { Verb } from '../../../support/smtp-sink.ts'

/** A refusal of the mail server, and what is to become of the letter. */
export type Cell = { verb: Verb; reply: string; fate: Fate }

/** `undeliverable`: told to the person after one attempt; `deferred`: tried again, and sent once the server takes it. */
export type Fate = 'undeliverable' | 'deferred'

const VERBS = ['connect', 'EHLO', 'AUTH', 'MAIL', 'RCPT', 'DATA', 'letter'] as const
const CODES = [421, 450, 451, 452, 535, 550, 552, 554]

// Without an enhanced code only the answer to RCPT is about the address, by the codes of RFC 5321 section 4.2.3 for a
// mailbox that is not there; 535, 552 and 554 there speak of the sender, of space and of anything at all.
const PLAIN: Cell[] = VERBS.flatMap(verb =>
  CODES.map(code => ({
    verb,
    reply: `${code} no`,
    fate: verb === 'RCPT' && code === 550 ? ('undeliverable' as const) : ('deferred' as const),
  })),
)

// RFC 3463: what it says counts, wherever the address was known.
const ENHANCED: Cell[] = [
  { verb: 'RCPT', reply: '550 5.1.1 no such user', fate: 'undeliverable' },
  { verb: 'RCPT', reply: '553 5.1.3 bad address syntax', fate: 'undeliverable' },
  { verb: 'RCPT', reply: '554 5.2.1 mailbox disabled', fate: 'undeliverable' },
  { verb: 'RCPT', reply: '551 moved away', fate: 'undeliverable' },
  { verb: 'RCPT', reply: '550 5.7.1 policy', fate: 'deferred' },
  { verb: 'RCPT', reply: '550 5.1.8 bad sender domain', fate: 'deferred' },
  { verb: 'RCPT', reply: '552 5.2.2 mailbox full', fate: 'deferred' },
  { verb: 'DATA', reply: '550 5.1.1 no such user', fate: 'undeliverable' },
  { verb: 'letter', reply: '550 5.1.1 no such user', fate: 'undeliverable' },
  { verb: 'letter', reply: '554 5.7.1 looks like spam', fate: 'deferred' },
  { verb: 'MAIL', reply: '550 5.1.1 not about the recipient', fate: 'deferred' },
  { verb: 'AUTH', reply: '550 5.1.1 not about the recipient', fate: 'deferred' },
]

export const CELLS: readonly Cell[] = [...PLAIN, ...ENHANCED]
