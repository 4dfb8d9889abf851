/** Installs what the benchmarks need beyond the service. */

import { installOwnPackages } from '../test/measuring/own-packages.ts'

installOwnPackages(import.meta.dirname, import.meta.dirname)
