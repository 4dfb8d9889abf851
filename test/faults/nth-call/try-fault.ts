import { type Answer, exchange, send } from '../../support/service.ts'
import { FAULT_HEADER, type FailingCalls, type Fault } from './failing-calls.ts'
import { halfStates } from './half-states.ts'
import type { Attempt, Scenario } from './scenarios.ts'
import type { World } from './world.ts'

const LONGEST_ANSWER = 20_000 // milliseconds

export type Violation =
  | 'hung'
  | 'neither success nor 503'
  | 'a 503 in another form'
  | 'a success that did not happen'
  | 'a token that is not good'
  | 'a half state'
  | 'a retry that failed'
  | 'said that nothing was changed'
  | 'uncaught'

export type Tried = {
  route: string
  n: number
  fault: string
  /** The statement whose call failed; undefined when the request asked the database less often. */
  statement: string | undefined
  status: number | undefined
  retryStatus: number | undefined
  violations: Violation[]
  /** What there is to know of the violations. */
  details: string[]
}

/** Makes the request of a scenario with its n-th database call failing, and once more with none, as a client would. */
export async function tryFault(
  world: World,
  calls: FailingCalls,
  scenario: Scenario,
  { fault, n }: { fault: Fault; n: number },
): Promise<Tried> {
  const attempt = await scenario.prepare(world)
  const { name, armed } = calls.arm(fault, n)
  const answer = await answerTo(world, attempt, { [FAULT_HEADER]: name })
  const tried: Tried = {
    route: scenario.route,
    n,
    fault: fault.name,
    statement: armed.statement,
    status: answer?.status,
    retryStatus: undefined,
    violations: [],
    details: [],
  }
  const violated = (what: Violation, detail = '') => {
    tried.violations.push(what)
    if (detail) tried.details.push(detail.slice(0, 500))
  }
  if (!answer) violated('hung')
  else if (answer.status === scenario.success) {
    if (!(await attempt.isTrue(answer))) violated('a success that did not happen', answer.text)
  } else if (answer.status !== 503) violated('neither success nor 503', answer.text)
  else {
    if (!isInForm(scenario, answer)) violated('a 503 in another form', answer.text)
    if (!(await areTokensGood(world, answer))) violated('a token that is not good', answer.text)
    if (/nothing was changed/i.test(answer.text) && (await attempt.hasHappened?.()))
      violated('said that nothing was changed')
  }
  if (armed.isUncaught) violated('uncaught')
  for (const state of await halfStates(world)) violated('a half state', state)

  const retried = await answerTo(world, attempt, {})
  tried.retryStatus = retried?.status
  if (retried?.status !== scenario.success || !(await attempt.isTrue(retried)))
    violated('a retry that failed', retried?.text)
  return tried
}

async function answerTo({ url }: World, { path, request }: Attempt, more: Record<string, string>) {
  const headers = { ...(request?.headers as Record<string, string>), ...more }
  const signal = AbortSignal.timeout(LONGEST_ANSWER)
  return await send(url + path, { ...request, headers, signal }).catch(() => undefined)
}

function isInForm({ reader }: Scenario, { headers, body, text }: Answer): boolean {
  const type = headers.get('content-type') ?? ''
  if (reader === 'balancer') return body?.status === 'failed'
  if (headers.get('retry-after') === null) return false
  if (reader === 'program')
    return type.startsWith('application/problem+json') && body.status === 503 && body.code === 'unavailable'
  if (reader === 'oauth') return type.startsWith('application/json') && body.error === 'temporarily_unavailable'
  return type.startsWith('text/html') && text.includes('not available')
}

/** A failed answer may only hold a token that is good, as that of a page which failed after it was exchanged. */
async function areTokensGood(world: World, { headers, text }: Answer): Promise<boolean> {
  const everything = [text, ...headers.getSetCookie()].join('\n')
  if (/authsvc_ct_/.test(everything)) return false
  for (const token of everything.match(/authsvc_rt_[\w.-]+/g) ?? [])
    if ((await exchange(world, token)).status !== 200) return false
  return true
}
