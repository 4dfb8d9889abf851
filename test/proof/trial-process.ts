/** Runs one experiment, in a process of its own, as `full-form.ts` asks for it by its id. */

import { answerTrial } from './answer-trial.ts'
import { EXPERIMENTS } from './experiments.ts'

answerTrial<string>((trial, id) => EXPERIMENTS.find(one => one.id === id)!.run(trial))
