// Gathers the packages that the service imports into few files: it starts from them in two thirds of the time, and with less
// memory, than from fourteen hundred. `bootstrap.mjs` runs it after it has installed the packages.
//
// The folder appears as a whole or not at all, and is another one for other packages: what lies there is executed. Those of
// other packages are removed, unless `keep` is given, as a service that runs may have some yet to load; of the same there
// may be one more, which somebody makes at this moment.

import { randomUUID } from 'node:crypto'
import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { rolldown } from 'rolldown'
import { fileOf, GATHERED, gatheredDirectory, LEFT_ALONE } from './gathered-packages.mjs'

const wanted = gatheredDirectory()
const parent = dirname(wanted)
const unfinished = `${wanted}-${randomUUID()}`
const entries = join(unfinished, 'entries')

await mkdir(entries, { recursive: true })
try {
  for (const name of GATHERED) await writeFile(entryOf(name), await passOn(name))
  await using bundle = await rolldown({
    input: Object.fromEntries(GATHERED.map(name => [basename(fileOf(name), '.js'), entryOf(name)])),
    platform: 'node',
    external: [...LEFT_ALONE, 'pg-native'],
    logLevel: 'silent',
  })
  await bundle.write({
    dir: unfinished,
    format: 'esm',
    entryFileNames: '[name].js',
    chunkFileNames: 'shared-[hash].js',
    comments: false,
  })
  await rm(entries, { recursive: true })
  await appear()
} finally {
  await rm(unfinished, { recursive: true, force: true })
}

function entryOf(name) {
  return join(entries, fileOf(name).replace(/js$/, 'mjs')) // .mjs: the default export of CommonJS is then all of it, as for Node
}

/** A module that exports what Node finds in the package. */
async function passOn(name) {
  const exported = Object.keys(await import(name)).filter(each => each !== 'module.exports')
  return `export { ${exported.map(each => JSON.stringify(each)).join(', ')} } from ${JSON.stringify(name)}\n`
}

async function appear() {
  const removed = process.argv[2] === 'keep' ? [] : await readdir(parent)
  const others = removed.filter(name => !name.startsWith(basename(wanted)))
  for (const name of others) await rm(join(parent, name), { recursive: true, force: true })
  await rename(unfinished, wanted).catch(error => {
    if (!['EEXIST', 'ENOTEMPTY', 'EPERM'].includes(error.code)) throw error // another has done the same meanwhile
  })
}
