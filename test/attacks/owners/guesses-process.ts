/** Guesses in a process of its own, in which the service is altered (test/proof/altered-trial.ts). */

import { answerTrial } from '../../proof/answer-trial.ts'
import { guessForADay } from './guess-for-a-day.ts'

answerTrial(guessForADay)
