// Which packages are gathered into few files, and where those lie. See gather-packages.mjs.

import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const ROOT = dirname(dirname(fileURLToPath(import.meta.url)))

/** What the sources import by these names comes from the gathered files. */
export const GATHERED = [
  '@fastify/cookie',
  '@fastify/cors',
  '@fastify/swagger',
  '@zxcvbn-ts/language-common',
  'commander',
  'fastify',
  'jose',
  'kysely',
  'mailparser',
  'nodemailer',
  'nodemailer/lib/smtp-connection',
  'pg',
  'pg-boss',
  'pino',
  'prom-client',
  'smtp-server',
  'typebox',
  'uuid',
]

/** What the sources import besides: each of these looks for further files beside its own. */
export const LEFT_ALONE = [
  '@electric-sql/pglite',
  '@electric-sql/pglite/nodefs',
  '@node-rs/argon2',
  '@scalar/fastify-api-reference',
]

/** The folder of the gathered files for the packages that package-lock.json names; it exists once they are gathered. */
export function gatheredDirectory() {
  const hash = createHash('sha256')
  for (const file of ['package-lock.json', 'startup/gathered-packages.mjs', 'startup/gather-packages.mjs'])
    hash.update(readFileSync(join(ROOT, file)))
  return join(ROOT, 'build/packages', hash.digest('hex').slice(0, 16))
}

/** The name of a package's file in that folder. */
export const fileOf = name => `${name.replaceAll('/', '.')}.js`
