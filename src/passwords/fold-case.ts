/**
 * Makes texts that differ only in case equal, for comparing; the result is never shown or stored.
 *
 * JavaScript has no Unicode case folding. Upper case first, then lower, brings together what lower case alone keeps
 * apart (`ß` and `SS`, the two small sigmas).
 */
export function foldCase(text: string): string {
  return text.toUpperCase().toLowerCase()
}
