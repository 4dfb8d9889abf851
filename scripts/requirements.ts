/**
 * Writes docs/security/requirements.md: which tests prove which requirement, with what came of them when `npm test` last
 * ran on this machine. What was not run since keeps the result that it had.
 */

import { takeOutcomes, writeMap } from '../test/proof/requirements/map.ts'

takeOutcomes()
writeMap()
process.stdout.write('Wrote docs/security/requirements.md.\n')
