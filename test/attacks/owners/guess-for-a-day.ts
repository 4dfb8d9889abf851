import { Owner } from '../../models/non-interference/owner.ts'
import { World } from '../../models/non-interference/worlds.ts'
import type { Findings, Trial } from '../../proof/experiment.ts'
import { seededRandom } from '../../proof/random.ts'
import { PASSWORD } from '../../support/service.ts'
import { NewDevices } from './new-devices.ts'

const MINUTE = 60 // seconds
const DAY = 86_400 // seconds
const QUARTER_HOUR = 900 // seconds
const FREE = 100 // guesses at one address
const CONFIRMED = { age: 20 * DAY, state: 'confirmed' } as const
const NETWORKS = [1, 10, 50, 250] // from which a round of guesses comes
const OWNER = 'owner@example.com'
const STRANGER = 'stranger@example.com'

/** Strangers guess in rounds for hours; meanwhile the owner signs in on one new device after the other. */
export async function guessForADay(trial: Trial): Promise<Findings> {
  const random = seededRandom(trial.seed)
  const between = (from: number, below: number) => from + Math.floor(random() * (below - from))
  await using world = await World.open('guessed at', trial.postgresUrl)
  await world.setClock(Math.ceil(Date.now() / 60_000) * 60_000)
  const began = world.now
  for (const email of [OWNER, STRANGER]) await Owner.live(world, email, CONFIRMED)
  const signIn = (network: string, json: object) =>
    world.http.post(`${world.url}/v1/sessions`, { json, headers: { 'x-forwarded-for': network } })
  const { device_token } = (await signIn('10.9.0.1', { email: STRANGER, password: PASSWORD })).body
  const devices = new NewDevices(world, OWNER)

  const tally = { guesses: 0, verified: 0, refused: 0 }
  async function guess(network: number): Promise<void> {
    tally.guesses += 1
    const password = `the wrong password ${tally.guesses}`
    const ofAnother = random() < 0.1 && { device_token }
    const { status, text } = await signIn(`10.1.0.${network}`, { email: OWNER, password, ...ofAnother })
    if (status === 401) tally.verified += 1
    else if (status === 429) tally.refused += 1
    else throw new Error(`a guess was answered ${status}: ${text}`)
  }
  while (tally.guesses < trial.trials) {
    const left = trial.trials - tally.guesses
    const size = left < 300 ? left : between(50, 150)
    const isSure = tally.guesses === 0 || size === left // blocks the address, whatever is chosen
    const networks = isSure ? NETWORKS.at(-1)! : NETWORKS[between(0, NETWORKS.length)]!
    for (let count = 0; count < Math.max(size, tally.guesses === 0 ? FREE + 20 : 0); count++)
      await guess(between(0, networks))
    await world.settle()
    if (isSure || random() < 0.3) for (let device = between(1, 3); device > 0; device--) await devices.signInOnNewOne()
    await world.pass(between(5, 50) * MINUTE)
    devices.readEmails()
    trial.progress(tally.guesses)
  }
  return findingsOf(tally, devices, (world.now - began) / 1_000)
}

type Tally = { guesses: number; verified: number; refused: number }

function findingsOf({ guesses, verified, refused }: Tally, devices: NewDevices, seconds: number): Findings {
  const { open, byLink, shut } = devices
  if (byLink + shut === 0) throw new Error('the owner was never blocked, so nothing was tried')
  const permitted = FREE + Math.ceil(seconds / QUARTER_HOUR)
  return {
    trials: guesses,
    unit: 'guesses',
    counted: [
      { what: 'new devices of the owner that guesses kept out', count: shut, of: open + byLink + shut },
      {
        what: 'guesses verified beyond 100 and one each quarter of an hour',
        count: Math.max(0, verified - permitted),
        of: guesses,
      },
      {
        what: 'emails beyond 4 a day and one for each link used',
        count: devices.emailsBeyondBound(),
        of: devices.emails.length,
      },
    ],
    measured: [
      { what: 'guesses that were refused', value: refused, unit: '' },
      { what: 'guesses that were verified', value: verified, unit: '' },
      { what: 'hours that they went on, on a clock that is moved', value: seconds / 3_600, unit: '' },
      { what: 'new devices that were blocked and let in by a link', value: byLink, unit: '' },
      { what: 'new devices that were not blocked', value: open, unit: '' },
      { what: 'emails with a link to the owner', value: devices.emails.length, unit: '' },
    ],
    remarks: [
      `Rounds of guesses come from ${NETWORKS.join(', ')} networks, chosen at random, with 5 to 49 minutes between two. One in ten shows the ` +
        'device token of an account of the stranger.',
      'The owner has one known device, which is not used, and comes each time from another network.',
    ],
  }
}
