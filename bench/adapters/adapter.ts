/** A request that the load generator sends for an adapter. */
export type Question = {
  method: 'GET' | 'POST'
  /** With its query, below the origin of the service. */
  path: string
  /** Lower-case names; `content-length` and `host` are added. */
  headers: Record<string, string>
  body?: string
}

export type Answer = {
  status: number
  /** Lower-case names. `set-cookie` may be there several times, in one string each. */
  headers: Record<string, string | string[] | undefined>
  body: string
}

export type Person = { email: string; password: string }

/** What a session goes on with: a refresh token, or the cookie of a session. */
export type Credential = string

/** What a person who signed up confirms with. */
export type Confirmation = {
  /** Of the link in the letter. */
  token: string
  /** From the answer of the sign-up, where the service asks for it too. */
  ticket?: string
}

/** Sends a request before anything is measured. */
export type Send = (question: Question) => Promise<Answer>

/** How a service is spoken to: the same work for all of them, each in its own paths and bodies. */
export type Adapter = {
  /** As the tables name it. */
  name: string
  /** What its refresh does, where the comparison depends on it; without a full stop. */
  refreshDoes: string
  /** How it hashes passwords by default, where people sign in or up: with what and with what costs. */
  passwordHash?: string
  refresh: Refresh
  /** Absent where the service cannot be asked for it in one request. */
  signUp?: SignUp
  /** Absent where the service cannot be asked for it in one request. */
  signIn?: SignIn
  /** Absent where a person cannot be confirmed by one request with the token of the letter. */
  confirm?: Confirm
}

export type Refresh = {
  ask(credential: Credential): Question
  /**
   * @returns what the session goes on with
   * @throws when the answer is not a new access token, or not the successor that a rotating service owes
   */
  read(answer: Answer, credential: Credential): Credential
}

export type SignUp = {
  ask(person: Person): Question
  /** @throws when no account was made */
  read(answer: Answer): void
}

export type SignIn = {
  ask(person: Person): Question
  /** @throws when no session began */
  read(answer: Answer): Credential
}

export type Confirm = {
  ask(confirmation: Confirmation): Question
  /** @throws when nobody is confirmed */
  read(answer: Answer): void
}
