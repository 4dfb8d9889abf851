import { setTimeout as pause } from 'node:timers/promises'
import type { Experiment, Findings, Trial } from '../proof/experiment.ts'
import { seededRandom } from '../proof/random.ts'
import { shiftClock } from '../support/database.ts'
import { HttpConnections } from '../support/http-connections.ts'
import { startServicesOnPostgres } from '../support/services-on-postgres.ts'
import { confirmed, refresh, signedIn } from '../support/signed-in.ts'

const CLIENTS = 5
const GENERATIONS = 3 // that each client goes through, one after the other
const STAGGER = 30 // milliseconds within which the clients begin
const BUNCH = 10 // sessions between two jumps of the clock
const GRACE = 30 // seconds, the default of AUTH_REFRESH_GRACE

/** A machine wakes from sleep: the answer to its last refresh was lost, and its tabs and programs all come back. */
export const lostAnswerRaces: Experiment = {
  id: 'F6-lost',
  title: 'Refresh races after a lost answer',
  claim:
    'Clients of one owner that come back with the same refresh token long after its answer was lost all stay signed ' +
    'in, also when one goes on with the successor before another has begun.',
  command: 'prove',
  proves: ['R44'],
  trials: { short: 20, full: 500 },
  run,
}

async function run(trial: Trial): Promise<Findings> {
  await using services = await startServicesOnPostgres(trial.postgresUrl)
  using http = new HttpConnections(CLIENTS * BUNCH)
  const random = seededRandom(trial.seed)
  const [url] = services.urls
  const { email } = await confirmed(services, http)

  const client = async (token: string): Promise<boolean> => {
    await pause(random() * STAGGER)
    for (let generation = 0, held = token; generation < GENERATIONS; generation++) {
      const { status, body } = await refresh(http, url!, held)
      if (status !== 200) return false
      held = body.refresh_token
    }
    return true
  }
  const race = async (token: string) => {
    const stay = await Promise.all(Array.from({ length: CLIENTS }, () => client(token)))
    return stay.every(Boolean)
  }

  let races = 0
  let lost = 0
  for (let jumps = 1; races < trial.trials; jumps++) {
    const tokens: string[] = []
    while (tokens.length < Math.min(BUNCH, trial.trials - races)) tokens.push(await signedIn(services, http, email))
    for (const token of tokens) await refresh(http, url!, token) // the answer is lost
    await shiftClock(services.database, jumps * (2 * GRACE + 1))
    const outcomes = await Promise.all(tokens.map(race))
    races += outcomes.length
    lost += outcomes.filter(stayed => !stayed).length
    trial.progress(races)
  }
  return {
    trials: races,
    unit: 'races',
    counted: [{ what: 'owners that were signed out as thieves', count: lost, of: races }],
    measured: [],
    remarks: [`${CLIENTS} clients a race, which begin within ${STAGGER} ms and refresh ${GENERATIONS} times in a row.`],
  }
}
