import type { ReadinessReport } from '../../src/operation/readiness.ts'

/** All that the port of the metrics tells of how the parts of the service are. */
export async function readiness(metricsUrl: string): Promise<ReadinessReport> {
  return (await fetch(new URL('/readyz', metricsUrl))).json() as Promise<ReadinessReport>
}

/** How often each deadline was missed, as the metrics tell. */
export async function missedDeadlines(metricsUrl: string): Promise<Map<string, number>> {
  const text = await (await fetch(metricsUrl)).text()
  const lines = text.matchAll(/^auth_missed_deadlines_total\{what="(\w+)"\} (\d+)$/gm)
  return new Map(Array.from(lines, ([, what, count]) => [what!, Number(count)]))
}
