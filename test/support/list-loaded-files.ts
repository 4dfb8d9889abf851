/** Loaded before a process: notes each file that it loads from then on, a line each, in `TEST_LOADED_FILES`. */

import { appendFileSync } from 'node:fs'
import { registerHooks } from 'node:module'

const list = process.env.TEST_LOADED_FILES
if (list)
  registerHooks({
    load(url, context, nextLoad) {
      if (url.startsWith('file:')) appendFileSync(list, `${url}\n`)
      return nextLoad(url, context)
    },
  })
