import { builtinModules } from 'node:module'
import { matchesGlob, posix } from 'node:path'

/** A file of src: its path from there, and its text. */
export interface Module {
  file: string
  source: string
}

/**
 * What each folder of src may import of the others: a folder, or one file of it. A type counts as much as a value. Every
 * other arrow is refused, for the reason given.
 */
export const AREAS: Record<string, { imports: string[]; because: string }> = {
  accounts: {
    imports: ['sessions', 'tokens', 'passwords', 'limits', 'audit', 'secrets', 'storage', 'http', 'email/address.ts'],
    because: 'it tells what happened by a message and knows nobody who listens, nor can it send a letter',
  },
  sessions: {
    imports: ['tokens', 'limits', 'audit', 'secrets', 'storage', 'http'],
    because: 'a session belongs to an account by its id alone, so that a refresh reads one table',
  },
  tokens: {
    imports: ['audit', 'secrets', 'storage', 'http'],
    because: 'a token is signed for whoever asks',
  },
  confirmation: {
    imports: ['accounts', 'email', 'limits', 'audit', 'secrets', 'storage', 'http'],
    because: 'it hears of accounts and writes letters; it starts no session and signs nothing',
  },
  audit: {
    imports: ['storage'],
    because: 'it records what others tell it, within their transactions',
  },
  limits: {
    imports: ['secrets', 'storage', 'http'],
    because: 'it counts attempts and does not know what at',
  },
  passwords: {
    imports: ['secrets'],
    because: 'hashing knows no database and no request, so that it never runs inside a transaction',
  },
  secrets: {
    imports: ['storage'],
    because: 'keys are below everything that uses them',
  },
  email: {
    imports: [],
    because: 'addresses and SMTP know nothing of what the letters are about',
  },
  embedded: {
    imports: [],
    because: 'the service does not know whether its database and mailbox are embedded; only service.ts does',
  },
  storage: {
    imports: [],
    because: 'the areas bring their own tables and queries to it',
  },
  operation: {
    imports: ['http'],
    because: 'whether the service is well is for service.ts to find out and to tell it',
  },
  reference: {
    imports: [],
    because: 'it describes whatever routes there are',
  },
  http: {
    imports: [],
    because: 'the areas bring their own routes to it',
  },
  pages: {
    imports: ['accounts', 'confirmation', 'sessions', 'tokens', 'email/address.ts', 'http', 'storage'],
    because: 'pages are for people what routes are for programs; nothing rests on them',
  },
  admin: {
    imports: ['accounts', 'sessions', 'tokens', 'audit', 'secrets', 'storage', 'email/address.ts', 'http/network.ts'],
    because: 'operations for operators know neither the command line nor how a request reached them',
  },
  'control-socket': {
    imports: [],
    because: 'it carries requests from one process to another and does not know what they ask for',
  },
  'command-line': {
    imports: [
      'admin',
      'control-socket',
      'enumeration',
      'tokens',
      'config.ts',
      'help.ts',
      'open-storage.ts',
      'version.ts',
    ],
    because: 'it turns arguments into operations and results into text, and no other part knows of it',
  },
  enumeration: {
    imports: [],
    because: 'it asks a service from outside, as a stranger would, and knows nothing but its interface',
  },
}

/** The files at the top of src that every area may import; they import each other only. */
const LEAVES = ['operator-error.ts', 'log.ts', 'metrics.ts', 'missed-deadlines.ts', 'settings.ts']

/** The file whose types every area may import, and the only one that reads the environment. */
const CONFIGURATION = 'config.ts'

/** Every npm package of the service, and the files that may import it. */
export const PACKAGES: Record<string, { home: string[]; typesAnywhere?: true }> = {
  '@electric-sql/pglite': { home: ['embedded/**'], typesAnywhere: true },
  '@fastify/cookie': { home: ['pages/**'] },
  '@fastify/cors': { home: ['http/**'] },
  '@fastify/swagger': { home: ['reference/**'] },
  '@fastify/type-provider-typebox': { home: ['http/**'] },
  '@node-rs/argon2': { home: ['passwords/**'] },
  '@scalar/fastify-api-reference': { home: ['reference/**'] },
  '@zxcvbn-ts/language-common': { home: ['passwords/**'] },
  commander: { home: ['command-line/**'] },
  fastify: { home: ['http/**', 'pages/**', 'reference/**', '*/routes.ts', 'sessions/oauth-error.ts'] },
  jose: { home: ['tokens/**'] },
  kysely: {
    home: ['storage/**', '**/*-store.ts', 'sessions/rotate.ts', 'service.ts', 'open-storage.ts'],
  },
  mailparser: { home: ['embedded/**'] },
  nodemailer: { home: ['email/**'] },
  pg: { home: ['storage/**'] },
  'pg-boss': { home: ['storage/**'] },
  pino: { home: ['log.ts'], typesAnywhere: true },
  'prom-client': { home: ['metrics.ts'], typesAnywhere: true },
  'smtp-server': { home: ['embedded/**'] },
  typebox: { home: ['**'] },
  uuid: { home: ['**'] },
}

interface Import {
  specifier: string
  isType: boolean
}

/** Every fault of the modules against the tables above, as sentences; none when all is well. */
export function findFaults(modules: Module[]): string[] {
  if (modules.length === 0) return ['No module was read, so nothing was checked. Is src where it should be?']
  const graph = new Map<string, string[]>()
  const faults = modules.flatMap(module => {
    const { imports, faults } = readImports(module)
    const targets = imports.flatMap(({ specifier }) => targetOf(module.file, specifier) ?? [])
    graph.set(module.file, targets)
    return [
      ...faults,
      ...imports.flatMap(found => arrowFault(module.file, found) ?? packageFault(module.file, found) ?? []),
      ...(readsEnvironment(module) ? [environmentFault(module.file)] : []),
    ]
  })
  const circle = findCircle(graph)
  if (circle) faults.push(`${circle.join(' → ')} is a circle: move what both ends need to a file of its own.`)
  return faults
}

/** The first circle in a graph, as the names along it with the first one repeated; undefined when there is none. */
export function findCircle(graph: Map<string, string[]>): string[] | undefined {
  const done = new Set<string>()
  const visit = (name: string, path: string[]): string[] | undefined => {
    if (path.includes(name)) return [...path.slice(path.indexOf(name)), name]
    if (done.has(name)) return undefined
    for (const target of graph.get(name) ?? []) {
      const circle = visit(target, [...path, name])
      if (circle) return circle
    }
    done.add(name)
    return undefined
  }
  for (const name of graph.keys()) {
    const circle = visit(name, [])
    if (circle) return circle
  }
  return undefined
}

// A statement begins its line, as the formatter has it. Between `import` or `export` and `from` there are names and
// comments; a quotation mark or an equals sign there means that it is another kind of statement.
const FROM = /^[ \t]*(?:import|export)\b((?:[\w$\s,*{}]|\/\/[^\n]*|\/\*[\s\S]*?\*\/)*?)\bfrom\s*(['"])(.+?)\2/gm
const SIDE_EFFECT = /^[ \t]*import\s*(['"])(.+?)\1/gm
const DYNAMIC = /\bimport\s*\(\s*(?:(['"])([^'"]+)\1\s*[,)])?/g
const REQUIRE = /\b(?:createRequire|require)\s*\(/

function readImports({ file, source }: Module): { imports: Import[]; faults: string[] } {
  const code = withoutCommentLines(source)
  const dynamic = [...code.matchAll(DYNAMIC)].map(([, , specifier]) => specifier)
  const imports = [
    ...[...source.matchAll(FROM)].map(([, clause = '', , specifier = '']) => ({
      specifier,
      isType: /^\s+type\s+(?!from\b)/.test(clause),
    })),
    ...[...source.matchAll(SIDE_EFFECT)].map(([, , specifier = '']) => ({ specifier, isType: false })),
    ...dynamic.flatMap(specifier => (specifier ? [{ specifier, isType: false }] : [])),
  ]
  const faults = [
    ...(dynamic.includes(undefined) ? [`${file} computes what it imports: write the name as a string.`] : []),
    ...(REQUIRE.test(code) ? [`${file} uses require, which is not followed here: use import.`] : []),
  ]
  return { imports, faults }
}

function withoutCommentLines(source: string): string {
  return source.replace(/^\s*(?:\/\/|\/?\*).*$/gm, '')
}

/** The file of src that a relative import means. */
function targetOf(file: string, specifier: string): string | undefined {
  const target = posix.join(posix.dirname(file), specifier)
  return specifier.startsWith('.') && !target.startsWith('..') ? target : undefined
}

function arrowFault(file: string, { specifier, isType }: Import): string | undefined {
  if (specifier.startsWith('#') || specifier.startsWith('/'))
    return `${file} imports ${specifier}: write a relative path, which says where it leads.`
  if (!specifier.startsWith('.')) return undefined
  const target = targetOf(file, specifier)
  if (target === undefined)
    return /^(\.\.\/)+package\.json$/.test(specifier)
      ? undefined
      : `${file} imports ${specifier}, which is outside src.`
  const area = areaOf(file)
  const says = `${file} imports ${target}, but`
  if (target === 'main.ts') return `${says} main.ts is the command line, where everything begins.`
  if (target === 'service.ts' && file !== 'main.ts' && !(area === undefined && isType))
    return `${says} service.ts puts all parts together; only main.ts starts it. Take what is needed as an argument.`
  if (LEAVES.includes(file) && !LEAVES.includes(target))
    return `${says} every area may import ${file}, so it may itself import only ${LEAVES.join(', ')}.`
  return area === undefined || area === areaOf(target) ? undefined : areaFault(area, says, target, isType)
}

function areaFault(area: string, says: string, target: string, isType: boolean): string | undefined {
  const row = AREAS[area]
  if (!row) return `${says} nothing is known of ${area}: give it a row in test/support/arrows.ts, with its reason.`
  if (target === CONFIGURATION)
    return isType || row.imports.includes(CONFIGURATION)
      ? undefined
      : `${says} areas import its types only: take the value as an argument, which a test can set.`
  const allowed = [...row.imports, ...LEAVES]
  if (allowed.includes(target) || allowed.includes(areaOf(target) ?? '')) return undefined
  return `${says} ${area} may import only ${allowed.join(', ')}: ${row.because}.`
}

function packageFault(file: string, { specifier, isType }: Import): string | undefined {
  if (/^[./#]/.test(specifier) || specifier.startsWith('node:') || builtinModules.includes(specifier)) return undefined
  const name = specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/')
  const row = PACKAGES[name]
  if (!row) return `${file} imports the package ${name}: give it a home in test/support/arrows.ts.`
  if (isType && row.typesAnywhere) return undefined
  if (row.home.some(place => matchesGlob(file, place))) return undefined
  return `${file} imports the package ${name}, whose home is ${row.home.join(', ')}: ask the files there for what is needed.`
}

function readsEnvironment({ file, source }: Module): boolean {
  if (file === CONFIGURATION) return false
  const code = withoutCommentLines(source)
  return /\bprocess\s*(?:\.\s*env\b|\[)|\benv\b[^'"]*\bfrom\s*['"](?:node:)?process['"]/.test(code)
}

function environmentFault(file: string): string {
  return `${file} reads the environment: only ${CONFIGURATION} does, once, so that all settings are checked together.`
}

function areaOf(file: string): string | undefined {
  return file.includes('/') ? file.slice(0, file.indexOf('/')) : undefined
}
