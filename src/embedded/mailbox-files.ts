import { mkdir, open, readdir, readFile, rename, rm, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { v7 as uuidv7 } from 'uuid'
import { syncDirectory } from './sync-directory.ts'

/** Whom the mail client named to the server (`RCPT TO`), and the letter as it came over the wire. */
export type Delivery = { to: string[]; letter: Buffer }

const KEPT = 1_000 // letters
const LETTER = /^([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.eml$/
const ENVELOPE = 'X-Envelope-To: '
const LONGEST_ENVELOPE = 32 * 1024 // bytes; 100 recipients of 256 bytes take less

/**
 * Letters as files, `<id>.eml`, newest 1,000 kept. The ids are UUIDv7, so that they sort by time.
 *
 * The first line of a file names the recipients of the envelope, whom the letter itself need not name.
 */
export class MailboxFiles {
  readonly #directory: string
  /** Recipients by id. What is asked for is looked up here, so that no other name ever becomes a path. */
  readonly #recipients = new Map<string, string[]>()

  private constructor(directory: string) {
    this.#directory = directory
  }

  /** Opens the letters of `directory`, which is made when it is missing. */
  static async open(directory: string): Promise<MailboxFiles> {
    await mkdir(directory, { recursive: true, mode: 0o700 })
    const files = new MailboxFiles(directory)
    for (const name of await readdir(directory)) {
      const [, id] = LETTER.exec(name) ?? []
      if (id) files.#recipients.set(id, await recipientsOf(join(directory, name)))
      else if (isDraft(name)) await rm(join(directory, name), { force: true })
    }
    return files
  }

  /** Ids of the letters, of those to one address when it is given. The newest first. */
  ids(to?: string): string[] {
    const wanted = to?.toLowerCase()
    const matches = [...this.#recipients].filter(([, recipients]) => !wanted || recipients.includes(wanted))
    return matches
      .map(([id]) => id)
      .sort()
      .reverse()
  }

  /** Keeps a delivery, so that it is there after a power cut. @returns its id */
  async add({ to, letter }: Delivery): Promise<string> {
    const id = uuidv7()
    const draft = join(this.#directory, draftOf(id))
    try {
      await using file = await open(draft, 'wx', 0o600)
      await file.writeFile(Buffer.concat([Buffer.from(`${ENVELOPE}${to.join(', ')}\r\n`), letter]))
      await file.sync()
      await rename(draft, this.#pathOf(id))
    } catch (error) {
      await rm(draft, { force: true })
      throw error
    }
    await syncDirectory(this.#directory)
    this.#recipients.set(
      id,
      to.map(address => address.toLowerCase()),
    )
    await this.#dropOldest()
    return id
  }

  /** @returns undefined when there is no such letter */
  async read(id: string): Promise<Delivery | undefined> {
    if (!this.#recipients.has(id)) return undefined
    try {
      return parse(await readFile(this.#pathOf(id)))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      throw error
    }
  }

  async #dropOldest(): Promise<void> {
    for (const id of this.ids().slice(KEPT)) {
      this.#recipients.delete(id)
      await unlink(this.#pathOf(id)).catch(() => {})
    }
  }

  #pathOf(id: string): string {
    return join(this.#directory, `${id}.eml`)
  }
}

/** When a letter arrived, by its id (RFC 9562 section 5.7). */
export function arrivalOf(id: string): Date {
  return new Date(Number.parseInt(id.replace('-', '').slice(0, 12), 16))
}

const draftOf = (id: string): string => `.${id}.draft`
const isDraft = (name: string): boolean => /^\..*\.draft$/.test(name)

function parse(file: Buffer): Delivery {
  const end = file.indexOf('\r\n')
  const [, to = ''] = new RegExp(`^${ENVELOPE}(.*)$`).exec(file.subarray(0, end).toString()) ?? []
  return { to: to.split(', '), letter: file.subarray(end + 2) }
}

async function recipientsOf(path: string): Promise<string[]> {
  await using file = await open(path)
  const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(LONGEST_ENVELOPE), 0, LONGEST_ENVELOPE, 0)
  return parse(buffer.subarray(0, bytesRead)).to.map(address => address.toLowerCase())
}
