/** A table in Markdown; nothing without rows. */
export function table(columns: string[], rows: string[][]): string {
  if (rows.length === 0) return ''
  const line = (cells: string[]) => `| ${cells.map(cell => cell.replaceAll('|', '\\|')).join(' | ')} |`
  return [line(columns), `|${columns.map(() => '---|').join('')}`, ...rows.map(line)].join('\n')
}

/** Such as `12,180`. */
export const whole = (value: number): string => value.toLocaleString('en', { maximumFractionDigits: 3 })

/** Such as `5.7 ms`: three digits that mean something. */
export function figure(value: number, unit: string): string {
  const text = value.toLocaleString(
    'en',
    Math.abs(value) >= 100 ? { maximumFractionDigits: 0 } : { maximumSignificantDigits: 3 },
  )
  return unit ? `${text} ${unit}` : text
}

/** Such as `2 h 05 min`, `3 min 20 s` or `8 s`. */
export function duration(seconds: number): string {
  const rounded = Math.round(seconds)
  const [hours, minutes, rest] = [Math.floor(rounded / 3_600), Math.floor((rounded % 3_600) / 60), rounded % 60]
  const padded = (value: number) => String(value).padStart(2, '0')
  if (hours > 0) return `${hours} h ${padded(minutes)} min`
  return minutes > 0 ? `${minutes} min ${padded(rest)} s` : `${rest} s`
}
