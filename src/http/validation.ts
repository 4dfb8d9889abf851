import type { FastifyError, FastifySchemaValidationError } from 'fastify'
import type { FieldFault } from './problem.ts'

const MOST_FAULTS = 20 // of one request; a body can hold thousands

const CODES: Record<string, string> = {
  required: 'required',
  additionalProperties: 'unknown_field',
  type: 'wrong_type',
  minLength: 'too_short',
  maxLength: 'too_long',
  pattern: 'wrong_format',
  format: 'wrong_format',
}

/** The faults that ajv found, each with a pointer to the very field. */
export function fieldFaultsOf(error: FastifyError): FieldFault[] {
  return (error.validation ?? []).slice(0, MOST_FAULTS).map(fault => ({
    pointer: pointerOf(fault),
    code: CODES[fault.keyword] ?? 'not_allowed',
    detail: detailOf(fault),
  }))
}

// ajv points at the parent of a field that is missing or that it does not know.
function pointerOf({ keyword, instancePath, params }: FastifySchemaValidationError): string {
  const child =
    keyword === 'required'
      ? params.missingProperty
      : keyword === 'additionalProperties'
        ? params.additionalProperty
        : undefined
  return child === undefined ? instancePath : `${instancePath}/${escaped(String(child).slice(0, 100))}`
}

// RFC 6901 section 3
const escaped = (token: string): string => token.replaceAll('~', '~0').replaceAll('/', '~1')

function detailOf({ keyword, message }: FastifySchemaValidationError): string {
  if (keyword === 'required') return 'This field is needed.'
  if (keyword === 'additionalProperties') return 'There is no such field.'
  return `This ${message ?? 'is not valid'}.`
}
