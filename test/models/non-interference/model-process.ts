/** Compares the worlds in a process of its own, whose sources may be altered (test/proof/altered-trial.ts). */

import { answerTrial } from '../../proof/answer-trial.ts'
import { compareWorlds } from './model.ts'

answerTrial(compareWorlds)
