import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { confirmedAccount } from '../measuring/accounts.ts'
import type { Experiment, Findings, Trial } from '../proof/experiment.ts'
import type { Alteration } from '../support/altered-source.ts'
import { createDatabase } from '../support/postgres.ts'
import { emptyDirectory, ServiceProcess } from '../support/process.ts'
import { exchange, SECRET_KEY, signIn } from '../support/service.ts'
import { ResourceServer } from './resource-server.ts'

const SESSIONS = 8
const FULL = { trials: 120, every: 5 } // rotations, and the seconds between two
const SHORT = { trials: 4, every: 1 }
const LONGEST_KNOWN = 10 // seconds that a token is good for: the shortest that the settings allow
const PUBLISHED_BEFORE_SIGNING = 3 // rotations

/** Signing keys that change all the time, with everything about them 60 times as fast as in operation. */
export const keyRotation: Experiment = {
  id: 'F18',
  title: 'Rotation of signing keys under load',
  claim: 'However often signing keys are rotated, a verifier that caches the key set accepts every token that is good.',
  command: 'prove:long',
  proves: ['R63', 'R64'],
  trials: { short: SHORT.trials, full: FULL.trials },
  run: trial => runKeyRotation(trial),
}

/** @param alterations of the service's source, to see that what breaks the claim is found */
export async function runKeyRotation(trial: Trial, alterations: Alteration[] = []): Promise<Findings> {
  const every = trial.trials > SHORT.trials ? FULL.every : SHORT.every
  const altered = [...fasterKeys(every), ...alterations]
  await using opened = new AsyncDisposableStack()
  const database = opened.use(await createDatabase(trial.postgresUrl))
  const settings = {
    AUTH_DATABASE_URL: database.url,
    AUTH_SECRET_KEY: SECRET_KEY,
    AUTH_RATE_LIMITS: 'off',
    AUTH_ACCESS_TOKEN_TTL: `${LONGEST_KNOWN}s`,
  }
  const startProcess = async (more: Record<string, string> = {}) => {
    const directory = opened.use(await emptyDirectory())
    return opened.use(new ServiceProcess({ ...settings, ...more, AUTH_DATA_DIR: directory.path }, [], altered))
  }
  const first = await (await startProcess()).started()
  const account = await confirmedAccount({ url: first })
  const tokens: string[] = []
  while (tokens.length < SESSIONS) tokens.push(await signIn({ url: first }, account))
  const second = await startProcess({ AUTH_PUBLIC_URL: first })
  const urls = [first, await second.listening()]
  const verifiers = urls.map(url => new ResourceServer(url, first, every))

  let isOver = false
  const clients = tokens.map(async (token, index) => {
    for (let turn = index; !isOver; turn++) {
      const { status, body, text } = await exchange({ url: urls[turn % urls.length]! }, token)
      if (status !== 200) throw new Error(`an exchange answered ${status}: ${text}`)
      token = body.refresh_token
      for (const verifier of verifiers) verifier.accept(body.access_token)
      await pause(100)
    }
  })
  const rotating = rotate(trial, { settings, altered, every }).finally(() => {
    isOver = true
  })
  await Promise.all([rotating, ...clients])
  const verified = await Promise.all(verifiers.map(verifier => verifier.ended()))
  const lines = verified.map(one => JSON.stringify({ ...one, keys: [...one.keys], faults: [...one.faults] }))
  writeFileSync(join(trial.directory, 'verifiers.jsonl'), `${lines.join('\n')}\n`)
  return findingsOf(trial, every, verified)
}

type Rotating = { settings: Record<string, string>; altered: Alteration[]; every: number }

/** Rotates as an operator does, and waits at the end until the last key has signed. */
async function rotate(trial: Trial, { settings, altered, every }: Rotating): Promise<void> {
  const began = performance.now()
  for (let rotation = 1; rotation <= trial.trials; rotation++) {
    await using command = new ServiceProcess(settings, ['keys', 'rotate'], altered)
    const { code, stdout, stderr } = await command.ended()
    if (code !== 0) throw new Error(`keys rotate ended with ${code}:\n${stdout}${stderr}`)
    trial.progress(rotation)
    await pause(Math.max(0, began + rotation * every * 1_000 - performance.now()))
  }
  await pause((PUBLISHED_BEFORE_SIGNING + 1) * every * 1_000)
}

/**
 * All times about keys in the proportion that they have in operation, where a rotation every `every` seconds stands
 * for one every five minutes.
 */
function fasterKeys(every: number): Alteration[] {
  const minute = every / 5
  return [
    {
      file: 'tokens/signing-key-store.ts',
      find: 'const PUBLISHED_BEFORE_SIGNING = 15 * 60 // seconds',
      replace: `const PUBLISHED_BEFORE_SIGNING = ${15 * minute}`,
    },
    {
      file: 'tokens/signing-key-store.ts',
      find: 'const KEPT_AFTER_EXPIRY = 5 * 60 // seconds',
      replace: `const KEPT_AFTER_EXPIRY = ${5 * minute}`,
    },
    {
      file: 'housekeeping.ts',
      find: 'const MINUTE = 60_000 // milliseconds',
      replace: `const MINUTE = ${minute * 1_000}`,
    },
  ]
}

type Verified = Awaited<ReturnType<ResourceServer['ended']>>

function findingsOf({ trials }: Trial, every: number, verified: Verified[]): Findings {
  const total = (of: (one: Verified) => number) => verified.reduce((sum, one) => sum + of(one), 0)
  const keys = new Set(verified.flatMap(one => [...one.keys]))
  const faults = new Set(verified.flatMap(one => [...one.faults]))
  return {
    trials: total(one => one.verifications),
    unit: 'verifications',
    counted: [
      {
        what: 'good tokens that a verifier refused',
        count: total(one => one.refused),
        of: total(one => one.verifications),
      },
      {
        what: 'rotations after which the next key did not sign',
        count: Math.max(0, trials + 1 - keys.size),
        of: trials,
      },
    ],
    measured: [
      { what: 'keys that signed', value: keys.size, unit: '' },
      { what: 'fetches of the key set', value: total(one => one.fetches), unit: '' },
    ],
    remarks: [
      `Keys are rotated by \`auth-service keys rotate\` every ${every} s. The service is altered so that all its times about ` +
        'keys are shorter in proportion: this stands for a rotation every five minutes, with a key published fifteen ' +
        'minutes before it signs.',
      'Two processes serve; two verifiers use the `createRemoteJWKSet` of jose with its usual ten minutes of caching and 30 s ' +
        'between fetches for an unknown key, shortened alike. Each verifies every token at once, at half of its life ' +
        'and shortly before its end.',
      ...[...faults].map(fault => `Refused: ${fault}`),
    ],
  }
}
