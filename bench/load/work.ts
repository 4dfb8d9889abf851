import type { Adapter, Answer, Confirmation, Credential, Person, Question } from '../adapters/adapter.ts'
import { Queue } from './queue.ts'

/** What the requests of a load are. */
export type Work =
  | { kind: 'refresh' }
  | { kind: 'sign-in' }
  | { kind: 'sign-up' }
  /** Each can be made once, so it ends when they are used up. */
  | { kind: 'confirm' }
  /** Shares of all requests; what is left refreshes. */
  | { kind: 'mixed'; signIns: number; signUps: number }

/** One request, and what is done with its answer. */
export type Task = {
  kind: 'refresh' | 'sign-in' | 'sign-up' | 'confirm'
  question: Question
  /** @throws when the answer is not what was asked for */
  finish(answer: Answer): void
}

export type TasksNeeds = {
  adapter: Adapter
  work: Work
  credentials: readonly Credential[]
  people: readonly Person[]
  confirmations?: readonly Confirmation[]
  /** From 0 to 1. */
  random: () => number
}

/** Hands out the requests of a load, each session in the hands of one client at a time, as it is for a real one. */
export class Tasks {
  readonly #adapter: Adapter
  readonly #work: Work
  readonly #idle: Queue<Credential>
  readonly #people: readonly Person[]
  readonly #random: () => number
  readonly #confirmations: readonly Confirmation[]
  #signIns = 0
  #signUps = 0
  #confirmed = 0

  constructor(needs: TasksNeeds) {
    this.#adapter = needs.adapter
    this.#work = needs.work
    this.#idle = new Queue(needs.credentials)
    this.#people = needs.people
    this.#confirmations = needs.confirmations ?? []
    this.#random = needs.random
  }

  /** What the sessions have now. */
  get credentials(): readonly Credential[] {
    return this.#idle.rest()
  }

  /** Whether there is nothing left to do, ever. */
  get areUsedUp(): boolean {
    return this.#work.kind === 'confirm' && this.#confirmed === this.#confirmations.length
  }

  /** @returns undefined while all sessions are in use, and when all confirmations are used up */
  next(): Task | undefined {
    const kind = this.#kind()
    if (kind === 'confirm') return this.#confirm()
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
    const credential = this.#idle.take()
    if (credential === undefined) return undefined
    return {
      kind: 'refresh',
      question: refresh.ask(credential),
      finish: answer => void this.#idle.add(refresh.read(answer, credential)),
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

  #confirm(): Task | undefined {
    const { confirm } = this.#adapter
    if (!confirm) throw new Error(`${this.#adapter.name} confirms nobody in one request`)
    if (this.areUsedUp) return undefined
    const question = confirm.ask(this.#confirmations[this.#confirmed++]!)
    return { kind: 'confirm', question, finish: answer => confirm.read(answer) }
  }
}
