import { type Aim, judge } from '../measurement.ts'
import { median, spread } from '../spread.ts'
import { COMPARED_AT, type Found, rateRatios, roundsOf } from './found.ts'

const COMPARED = [
  { other: 'ceiling', what: 'durable refreshes a second ÷ the ceiling without a database', atLeast: 0.6, aim: 0.8 },
  { other: 'better-auth, session to JWT', what: '÷ better-auth’s session to JWT', atLeast: 12, aim: 20 },
  { other: 'oidc-provider', what: '÷ oidc-provider’s rotating refresh grant', atLeast: 6, aim: 10 },
]

/** How this service does beside those that were measured with it. */
export function aimsOf(found: Found): Aim[] {
  const own = roundsOf(found, 'this service')
  return COMPARED.flatMap(({ other, what, atLeast, aim }) => {
    const ratios = rateRatios(own, roundsOf(found, other), COMPARED_AT)
    if (ratios.length === 0) return []
    const verdict = judge(median(ratios), { atLeast, aim })
    return [{ what, atLeast: String(atLeast), aim: String(aim), found: spread(ratios, 2), verdict }]
  })
}
