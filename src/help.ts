import { SETTINGS } from './setting-names.ts'

const DESCRIPTIONS: Record<string, string> = {
  serve: 'run the service (the default)',
  migrate: 'bring the database up to date and end',
  'keys list': 'show the keys that sign access tokens',
  'keys rotate': 'let the next key sign; --now drops the current one, for a key that leaked',
  'audit enumeration':
    'ask a service at --url=… whether strangers can tell who has an account; has a --help of its own',
}

/** What `--help` prints: commands, and every setting with its default. */
export function helpText(commands: string[]): string {
  const line = (name: string, text: string) => `  ${name.padEnd(25)} ${text}`
  return [
    'auth-service [command]',
    '',
    'Commands',
    ...commands.map(name => line(name, DESCRIPTIONS[name] ?? '')),
    line('--help, --version', ''),
    '',
    'Settings, from the environment; nothing needs setting to start',
    ...Object.entries(SETTINGS).map(([name, [fallback, meaning]]) => line(name, `${meaning} (default: ${fallback})`)),
  ].join('\n')
}
