/** Figures that are compared by their lengths. */
export type Bars = {
  /** Of the file. */
  name: string
  title: string
  unit: string
  bars: { label: string; value: number }[]
}

const WIDTH = 760 // pixels
const LABEL = 250
const VALUE = 90
const ROW = 34
const TOP = 48

const STYLE = `
  .ground { fill: #ffffff } .text { fill: #1f2328; font: 13px system-ui, sans-serif }
  .title { font-size: 15px; font-weight: 600 } .bar { fill: #8c959f } .own { fill: #0072b2 }
  @media (prefers-color-scheme: dark) {
    .ground { fill: #0d1117 } .text { fill: #e6edf3 } .bar { fill: #6e7681 } .own { fill: #4aa8e0 }
  }`

/** A drawing as SVG that stands for itself, in the colours of the reader's choice of light or dark. */
export function drawBars({ title, unit, bars }: Bars, own: string): string {
  const height = TOP + bars.length * ROW + 14
  const highest = Math.max(...bars.map(({ value }) => value))
  const rows = bars.map(({ label, value }, index) => {
    const top = TOP + index * ROW
    const width = Math.max(2, ((WIDTH - LABEL - VALUE) * value) / highest)
    return [
      `<text class="text" x="${LABEL - 12}" y="${top + 17}" text-anchor="end">${escaped(label)}</text>`,
      `<rect class="bar${label === own ? ' own' : ''}" x="${LABEL}" y="${top}" width="${width.toFixed(1)}" height="24" rx="3"/>`,
      `<text class="text" x="${(LABEL + width + 8).toFixed(1)}" y="${top + 17}">${number(value)}${escaped(unit)}</text>`,
    ].join('\n')
  })
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-label="${escaped(title)}">
<style>${STYLE}
</style>
<rect class="ground" width="${WIDTH}" height="${height}" rx="6"/>
<text class="text title" x="16" y="28">${escaped(title)}</text>
${rows.join('\n')}
</svg>
`
}

const number = (value: number) => value.toLocaleString('en', { maximumSignificantDigits: 4 })

const escaped = (words: string) =>
  words.replace(/[&<>"]/g, sign => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[sign]!)
