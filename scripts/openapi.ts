// Writes openapi.json from the routes: npm run openapi
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { startTestService } from '../test/support/service.ts'

await using service = await startTestService('PGlite')
const description = await (await fetch(`${service.url}/openapi.json`)).json()
await writeFile(join(import.meta.dirname, '../openapi.json'), `${JSON.stringify(description, undefined, 2)}\n`)
