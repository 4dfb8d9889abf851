import { SETTINGS } from './setting-names.ts'

const line = (name: string, text: string) => `  ${name.padEnd(25)} ${text}`

/** What `--help` prints: every command with what it does, and every setting with its default. */
export function helpText(commands: readonly (readonly [name: string, description: string])[]): string {
  return [
    'auth-service [command]',
    '',
    'Commands; each has a --help of its own',
    ...commands.map(([name, description]) => line(name, description)),
    line('--help, --version', ''),
    '',
    'Exit codes: 0 done, 1 failed, 2 wrong usage, 3 the named account or session does not exist or is ambiguous',
    '',
    'Settings, from the environment; nothing needs setting to start',
    ...Object.entries(SETTINGS).map(([name, [fallback, meaning]]) => line(name, `${meaning} (default: ${fallback})`)),
  ].join('\n')
}
