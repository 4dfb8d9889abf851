import { keyRotation } from '../load/key-rotation.ts'
import { signInFlood } from '../load/sign-in-flood.ts'
import { mutation } from '../mutation/mutation.ts'
import type { Experiment } from './experiment.ts'

/** Every experiment, in the order of docs/proof.md. */
export const EXPERIMENTS: readonly Experiment[] = [signInFlood, keyRotation, mutation]
