import { ServiceProcess } from './process.ts'
import { SECRET_KEY, type ServiceData } from './service.ts'

// biome-ignore lint/suspicious/noExplicitAny: what a command prints is what the tests are there to find out
export type Ran = { code: number | null; stdout: string; stderr: string; rows: any[]; error: any }

/** Runs a command of an operator in a process of its own, with --json, beside a service that runs. */
export async function runCommand(service: ServiceData, ...args: string[]): Promise<Ran> {
  await using command = new ServiceProcess(environmentOf(service), [...args, '--json'])
  const { code, stdout, stderr } = await command.ended()
  const rows = stdout.split('\n').flatMap(line => (line.startsWith('{') ? [JSON.parse(line)] : []))
  const error = stderr.startsWith('{') ? JSON.parse(stderr).error : undefined
  return { code, stdout, stderr, rows, error }
}

/** The settings by which a command finds the database of a service. */
export const environmentOf = ({ dataDirectory, databaseUrl }: ServiceData): Record<string, string> => ({
  AUTH_DATA_DIR: dataDirectory,
  ...(databaseUrl && { AUTH_DATABASE_URL: databaseUrl, AUTH_SECRET_KEY: SECRET_KEY }),
})
