import type { Adapter, Answer, Credential, Person, Question } from '../adapters/adapter.ts'

/** What the requests of a load are. */
export type Work =
  | { kind: 'refresh' }
  | { kind: 'sign-in' }
  | { kind: 'sign-up' }
  /** Shares of all requests; what is left refreshes. */
  | { kind: 'mixed'; signIns: number; signUps: number }

/** One request, and what is done with its answer. */
export type Task = {
  kind: 'refresh' | 'sign-in' | 'sign-up'
  question: Question
  /** @throws when the answer is not what was asked for */
  finish(answer: Answer): void
}

/** Hands out the requests of a load, each session in the hands of one client at a time, as it is for a real one. */
export class Tasks {
  readonly #adapter: Adapter
  readonly #work: Work
  readonly #idle: Credential[]
  readonly #people: readonly Person[]
  readonly #random: () => number
  #signIns = 0
  #signUps = 0

  constructor(needs: {
    adapter: Adapter
    work: Work
    credentials: readonly Credential[]
    people: readonly Person[]
    random: () => number
  }) {
    this.#adapter = needs.adapter
    this.#work = needs.work
    this.#idle = [...needs.credentials]
    this.#people = needs.people
    this.#random = needs.random
  }

  /** What the sessions have now. */
  get credentials(): readonly Credential[] {
    return this.#idle
  }

  /** @returns undefined while all sessions are in use */
  next(): Task | undefined {
    const kind = this.#kind()
    if (kind === 'sign-in') return this.#signIn()
    if (kind === 'sign-up') return this.#signUp()
    return this.#refresh()
  }

  #kind(): Task['kind'] {
    const work = this.#work
    if (work.kind !== 'mixed') return work.kind
    const drawn = this.#random()
    if (drawn < work.signIns) return 'sign-in'
    return drawn < work.signIns + work.signUps ? 'sign-up' : 'refresh'
  }

  #refresh(): Task | undefined {
    const { refresh } = this.#adapter
    const credential = this.#idle.shift()
    if (credential === undefined) return undefined
    return {
      kind: 'refresh',
      question: refresh.ask(credential),
      finish: answer => void this.#idle.push(refresh.read(answer, credential)),
    }
  }

  #signIn(): Task {
    const { signIn } = this.#adapter
    if (!signIn) throw new Error(`${this.#adapter.name} has no sign-in of one request`)
    const person = this.#people[this.#signIns++ % this.#people.length]
    if (!person) throw new Error('Signing in needs people')
    return { kind: 'sign-in', question: signIn.ask(person), finish: answer => void signIn.read(answer) }
  }

  #signUp(): Task {
    const { signUp } = this.#adapter
    if (!signUp) throw new Error(`${this.#adapter.name} has no sign-up of one request`)
    const person = { email: `new-${process.pid}-${this.#signUps++}@example.com`, password: 'a long enough passphrase' }
    return { kind: 'sign-up', question: signUp.ask(person), finish: answer => signUp.read(answer) }
  }
}
