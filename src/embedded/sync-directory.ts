import { open } from 'node:fs/promises'

/** Makes the entries of a directory durable: a new or renamed file is there after a power cut only then. */
export async function syncDirectory(directory: string): Promise<void> {
  if (process.platform === 'win32') return // directories can't be opened there, and NTFS keeps a journal of entries
  await using handle = await open(directory)
  await handle.sync()
}
