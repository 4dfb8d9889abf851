import { setTimeout as pause } from 'node:timers/promises'
import { AdminError, type AdminErrorCode } from '../admin/errors.ts'
import type { AdminDeps } from '../admin/operation.ts'
import { type ArgumentsOf, type OperationName, performOperation, type ResultOf } from '../admin/operations.ts'
import { type Config, readConfig } from '../config.ts'
import { askRunningService } from '../control-socket/client.ts'
import type { ControlError } from '../control-socket/protocol.ts'
import { socketPath } from '../control-socket/socket-path.ts'
import { createLogger } from '../log.ts'
import type { Storage } from '../open-storage.ts'
import { OperatorError } from '../operator-error.ts'

const STARTS_WITHIN = 10_000 // milliseconds that a service may hold the directory before it can be reached

/**
 * Performs operations where the database is: on PostgreSQL and on an embedded database that nobody uses, in this process;
 * else in the service that holds the embedded database.
 */
export class Administration implements AsyncDisposable {
  readonly #config: Config
  #storage: Storage | undefined

  /** Reads the settings. @throws OperatorError */
  static open(): Administration {
    return new Administration(readConfig())
  }

  private constructor(config: Config) {
    this.#config = config
  }

  /** @throws OperatorError, of which AdminError says why the operation was refused */
  async run<Name extends OperationName>(name: Name, args: ArgumentsOf<Name>): Promise<ResultOf<Name>> {
    return (await this.#perform(name, args)) as ResultOf<Name>
  }

  async #perform(name: OperationName, args: unknown): Promise<unknown> {
    for (const deadline = Date.now() + STARTS_WITHIN; ; await pause(100)) {
      const reply = this.#mayRunElsewhere && (await askRunningService(this.#config.dataDirectory, name, args))
      if (reply) {
        if (reply.error) throw errorOf(reply.error)
        return reply.result
      }
      try {
        this.#storage ??= await openHere(this.#config)
      } catch (error) {
        if ((error as Error).name !== 'DirectoryHeld') throw error
        socketPath(this.#config.dataDirectory) // throws where that is why the service cannot be reached
        if (Date.now() > deadline) throw error
        continue // it starts or stops
      }
      return performOperation(depsOf(this.#config, this.#storage), name, args)
    }
  }

  get #mayRunElsewhere(): boolean {
    return !this.#config.databaseUrl && !this.#storage && hasSocketPath(this.#config.dataDirectory)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#storage?.[Symbol.asyncDispose]()
  }
}

async function openHere(config: Config): Promise<Storage> {
  const { openStorage } = await import('../open-storage.ts')
  return openStorage(config, createLogger('warn', process.stderr), { mayMigrate: false })
}

function hasSocketPath(dataDirectory: string): boolean {
  try {
    return socketPath(dataDirectory) !== ''
  } catch {
    return false
  }
}

const depsOf = (
  { signingAlgorithm, accessTokenTtl }: Config,
  { backgroundDatabase: database, secretKeys, secretKeyUses, bindSecretKeys }: Storage,
): AdminDeps => ({
  database,
  secretKeys,
  secretKeyUses,
  async signingKeys() {
    const { SigningKeys } = await import('../tokens/signing-keys.ts')
    await bindSecretKeys()
    const sealing = secretKeys.sealing
    return SigningKeys.forCommand({ database, sealing, algorithm: signingAlgorithm, accessTokenTtl })
  },
})

const ADMIN_ERRORS: Record<AdminErrorCode, true> = {
  invalid_argument: true,
  account_not_found: true,
  account_ambiguous: true,
  account_unconfirmed: true,
  session_not_found: true,
}

function errorOf({ code, ids, ...fault }: ControlError): OperatorError {
  if (Object.hasOwn(ADMIN_ERRORS, code)) return new AdminError(code as AdminErrorCode, fault, ids)
  return new OperatorError(fault)
}
