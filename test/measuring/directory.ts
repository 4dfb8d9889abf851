import { statfsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { opening } from './opened.ts'

const IN_MEMORY = new Set([0x01021994, 0x858458f6]) // tmpfs and ramfs, as statfs(2) has them

/** Where the databases lie: temporary, and on a disk, since a sync to memory takes no time. */
export function diskDirectory(): string {
  return isInMemory(tmpdir()) ? '/var/tmp' : tmpdir()
}

export function isInMemory(path: string): boolean {
  return IN_MEMORY.has(statfsSync(path).type)
}

/** An empty directory on a disk that is removed at the end. */
export async function newDirectory(): Promise<AsyncDisposable & { path: string }> {
  const path = await mkdtemp(join(diskDirectory(), 'auth-measured-'))
  return { path, ...opening(() => rm(path, { recursive: true, force: true, maxRetries: 5 })) }
}
