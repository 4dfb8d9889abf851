import packageJson from '../../package.json' with { type: 'json' }

/** The flags of Node that `npm start` gives the service; their paths count from the project's folder. */
export const START_FLAGS: readonly string[] = packageJson.scripts.start.split(' ').filter(part => part.startsWith('--'))
