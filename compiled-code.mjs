// Keeps what Node compiles for the next start, which takes a quarter less time and less memory then: Node need not even
// load what strips the types. What has changed is compiled anew. `npm start` loads it before anything else.
//
// It lies beside the code, and not where Node would put it, among everybody's temporary files: what is there is executed.
// Where it cannot be written, each start compiles.

import { enableCompileCache } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

enableCompileCache(join(dirname(fileURLToPath(import.meta.url)), 'build/compiled'))
