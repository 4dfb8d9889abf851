/** Loaded before the service by `--import`: gives it other text for the files that {@link alteredSource} names. */

import { registerHooks } from 'node:module'
import { ALTERATIONS } from './altered-source.ts'

const texts = new Map<string, string>(JSON.parse(process.env[ALTERATIONS] ?? '[]'))

registerHooks({
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context)
    const source = texts.get(url)
    return source === undefined ? loaded : { ...loaded, source }
  },
})
