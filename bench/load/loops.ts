import { setTimeout as pause } from 'node:timers/promises'
import type { Send } from '../adapters/adapter.ts'
import type { Recorder } from './recorder.ts'
import type { Task, Tasks } from './work.ts'

type Connection = { send: Send }
type Loop = { connections: readonly Connection[]; tasks: Tasks; recorder: Recorder; until: number }

/**
 * Each client sends its next request as soon as it has its answer: how much a service can do at most. What is measured
 * ends when there is nothing left for one of them, since fewer would be busy from then on.
 */
export async function runClosedLoop({ connections, tasks, recorder, until }: Loop): Promise<void> {
  const lane = async (connection: Connection) => {
    while (performance.now() < until) {
      const task = tasks.next()
      if (!task && tasks.areUsedUp) return recorder.end()
      if (!task) throw new Error('A closed loop needs a session for each of its clients')
      const sentAt = performance.now()
      task.finish(await connection.send(task.question))
      recorder.answered(task.kind, sentAt)
    }
  }
  await Promise.all(connections.map(lane))
}

/**
 * Requests come at a fixed rate, whether or not the ones before were answered, and each latency counts from when its
 * request was to be sent: what people wait for, with nothing left out when a service falls behind.
 *
 * @param rate requests a second
 */
export async function runOpenLoop({ connections, tasks, recorder, until }: Loop, rate: number): Promise<void> {
  const idle = [...connections]
  const late: number[] = [] // when the requests that found no connection or session were to be sent
  const sent = new Set<Promise<void>>()
  const faults: unknown[] = []

  const send = async (task: Task, connection: Connection, dueAt: number) => {
    task.finish(await connection.send(task.question))
    recorder.answered(task.kind, dueAt)
    idle.push(connection)
    if (late.length > 0) begin(late.shift()!)
  }
  const begin = (dueAt: number) => {
    const task = idle.length > 0 ? tasks.next() : undefined
    if (!task) return void late.push(dueAt)
    const sending: Promise<void> = send(task, idle.shift()!, dueAt)
      .catch(error => void faults.push(error))
      .finally(() => sent.delete(sending))
    sent.add(sending)
  }

  const began = performance.now()
  for (let due = began; due < until && faults.length === 0; ) {
    await pause(Math.max(1, due - performance.now()))
    for (; due <= performance.now() && due < until; due += 1_000 / rate) begin(due)
  }
  while (sent.size > 0) await Promise.all(sent)
  if (faults.length > 0) throw faults[0]
}
