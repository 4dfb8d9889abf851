/** Something that a service of this kind must do, and who says so. */
export type Requirement = {
  /** Such as `R42`. A test names it in brackets in its name, an experiment in `proves`. */
  id: `R${number}`
  /** `P0` holds from the first release on, `P1` soon after, `P2` with the feature that it belongs to. */
  priority: 'P0' | 'P1' | 'P2'
  requirement: string
  sources: string
  /** Why it does not apply to what exists now. */
  notYet?: string
}
