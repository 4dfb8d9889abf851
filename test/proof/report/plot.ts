import type { Line, Plot } from '../experiment.ts'
import { type Scale, scaleOf } from './scale.ts'

const WIDTH = 760 // pixels
const HEIGHT = 400
const LEGEND_ROW = 18
const LEGEND_COLUMNS = 2
const AREA = { left: 76, right: WIDTH - 20, top: 44, bottom: 340 }

// Told apart by those who see few colours (Okabe and Ito), and by their dashes.
const COLOURS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#57606a', '#8250df']
const DASHES = ['', '7 3', '2 3', '9 3 2 3', '4 4', '12 4', '1 6', '14 3 2 3 2 3']

const STYLE = `
  .ground { fill: #ffffff } .text { fill: #1f2328; font: 12px system-ui, sans-serif }
  .title { font-size: 14px; font-weight: 600 } .grid { stroke: #d8dee4 } .frame { stroke: #8c959f; fill: none }
  .span { fill: #8c959f; opacity: 0.22 } .line { fill: none; stroke-width: 1.6; stroke-linejoin: round }
  @media (prefers-color-scheme: dark) {
    .ground { fill: #0d1117 } .text { fill: #e6edf3 } .grid { stroke: #30363d } .frame { stroke: #6e7681 }
    .line { filter: brightness(1.35) }
  }`

/**
 * A drawing as SVG that stands for itself, in the colours of the reader's choice of light or dark.
 * @param options.marksPoints for lines of few points: what lies between them was not measured
 */
export function drawPlot(plot: Plot, { marksPoints = false } = {}): string {
  const points = plot.lines.flatMap(line => visible(line, plot))
  const spans = plot.spans ?? []
  const x = scaleOf(plot.x, [...points.map(([at]) => at), ...spans.flatMap(({ from, to }) => [from, to])])
  const y = scaleOf(
    plot.y,
    points.map(([, value]) => value),
  )
  const rows = Math.ceil(plot.lines.length / LEGEND_COLUMNS)
  const height = HEIGHT + rows * LEGEND_ROW
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-label="${escaped(plot.title)}">
<style>${STYLE}
</style>
<rect class="ground" width="${WIDTH}" height="${height}" rx="6"/>
${textAt(AREA.left, 24, plot.title, 'text title')}
${[
  ...spans.flatMap((span, index) => spanOf(span, x, index)),
  ...x.ticks.flatMap(tick => tickBelow(tick, x)),
  ...y.ticks.flatMap(tick => tickBeside(tick, y)),
  `<rect class="frame" x="${AREA.left}" y="${AREA.top}" width="${AREA.right - AREA.left}" height="${AREA.bottom - AREA.top}"/>`,
  textAt((AREA.left + AREA.right) / 2, AREA.bottom + 38, plot.x.label, 'text', 'middle'),
  `<text class="text" text-anchor="middle" transform="translate(18 ${(AREA.top + AREA.bottom) / 2}) rotate(-90)">${escaped(plot.y.label)}</text>`,
  ...plot.lines.map((line, index) => lineOf(visible(line, plot), { x, y }, index)),
  ...(marksPoints ? plot.lines.flatMap((line, index) => marksOf(visible(line, plot), { x, y }, index)) : []),
  ...plot.lines.flatMap((line, index) => legendOf(line, index)),
].join('\n')}
</svg>
`
}

function visible({ points }: Line, { x, y }: Plot): Line['points'] {
  return points.filter(([at, value]) => !(x.isLogarithmic && at <= 0) && !(y.isLogarithmic && value <= 0))
}

const across = (value: number, x: Scale) => pixel(AREA.left + x.at(value) * (AREA.right - AREA.left))
const up = (value: number, y: Scale) => pixel(AREA.bottom - y.at(value) * (AREA.bottom - AREA.top))
const pixel = (value: number) => Number(value.toFixed(1))

function spanOf({ from, to, label }: NonNullable<Plot['spans']>[number], x: Scale, index: number): string[] {
  const [left, right] = [across(from, x), across(to, x)]
  const width = Math.max(1, pixel(right - left))
  return [
    `<rect class="span" x="${left}" y="${AREA.top}" width="${width}" height="${AREA.bottom - AREA.top}"/>`,
    textAt(left + 4, AREA.top + 14 + (index % 3) * 14, label),
  ]
}

function tickBelow(tick: number, x: Scale): string[] {
  const at = across(tick, x)
  return [
    `<line class="grid" x1="${at}" x2="${at}" y1="${AREA.top}" y2="${AREA.bottom}"/>`,
    textAt(at, AREA.bottom + 18, number(tick), 'text', 'middle'),
  ]
}

function tickBeside(tick: number, y: Scale): string[] {
  const at = up(tick, y)
  return [
    `<line class="grid" x1="${AREA.left}" x2="${AREA.right}" y1="${at}" y2="${at}"/>`,
    textAt(AREA.left - 8, at + 4, number(tick), 'text', 'end'),
  ]
}

function lineOf(points: Line['points'], { x, y }: { x: Scale; y: Scale }, index: number): string {
  const path = points.map(([at, value]) => `${across(at, x)},${up(value, y)}`).join(' ')
  return `<polyline class="line" ${strokeOf(index)} points="${path}"/>`
}

function marksOf(points: Line['points'], { x, y }: { x: Scale; y: Scale }, index: number): string[] {
  const colour = colourOf(index)
  return points.map(
    ([at, value]) =>
      `<circle class="line" style="fill: ${colour}" stroke="${colour}" cx="${across(at, x)}" cy="${up(value, y)}" r="2"/>`,
  )
}

function legendOf({ label }: Line, index: number): string[] {
  const column = (AREA.right - AREA.left) / LEGEND_COLUMNS
  const left = AREA.left + (index % LEGEND_COLUMNS) * column
  const top = AREA.bottom + 60 + Math.floor(index / LEGEND_COLUMNS) * LEGEND_ROW
  return [
    `<line class="line" ${strokeOf(index)} x1="${left}" x2="${left + 28}" y1="${top}" y2="${top}"/>`,
    textAt(left + 36, top + 4, label),
  ]
}

function strokeOf(index: number): string {
  const dash = DASHES[index % DASHES.length]
  return `stroke="${colourOf(index)}"${dash ? ` stroke-dasharray="${dash}"` : ''}`
}

const colourOf = (index: number) => COLOURS[index % COLOURS.length]!

function textAt(x: number, y: number, words: string, style = 'text', anchor = 'start'): string {
  return `<text class="${style}" x="${x}" y="${y}" text-anchor="${anchor}">${escaped(words)}</text>`
}

const number = (value: number) => value.toLocaleString('en', { maximumSignificantDigits: 6 })

const escaped = (words: string) =>
  words.replace(/[&<>"]/g, sign => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[sign]!)
