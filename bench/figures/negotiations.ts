/**
 * How many calls a second the server brings to STARTCHAT, with 64 pairs of clients that call again and again.
 *
 * The clients share one process, which is as busy as the server: what the server itself needs for a negotiation is
 * shown by its processor time.
 */
import * as Figure from "../Figure.ts"
import * as LineClient from "../LineClient.ts"
import * as Program from "../Program.ts"

const inFlight = 64

interface Rate {
  readonly perSecond: number
  /** The processor time of the server, in microseconds a negotiation. */
  readonly cpuMicros: number
}

export const measure = async (quick: boolean): Promise<ReadonlyArray<Figure.Figure>> => {
  const [program, floor] = [await Program.start("server.ts"), await Program.start("bareServer.ts", ["relay"])]
  const [programPairs, floorPairs] = [await connectPairs(program), await connectPairs(floor)]
  const millis = quick ? 200 : 1000
  const rounds = await Figure.inTurns(
    quick ? 3 : 9,
    () => negotiate(program, programPairs, millis),
    () => negotiate(floor, floorPairs, millis),
  )
  for (const pair of [...programPairs, ...floorPairs]) for (const client of pair) client.close()
  await Promise.all([program.end(), floor.end()])

  const floorIs = "node:net that writes the same lines"
  const only = (key: keyof Rate) => rounds.map(({ program, floor }) => ({ program: program[key], floor: floor[key] }))
  return [
    Figure.make(
      {
        id: "negotiations",
        name: `Negotiations, ${inFlight} in flight`,
        unit: "/s",
        floorIs,
        relation: "times",
      },
      only("perSecond"),
    ),
    Figure.make(
      {
        id: "negotiation-cpu",
        name: "Processor time of the server a negotiation",
        unit: "µs",
        floorIs,
        relation: "times",
      },
      only("cpuMicros"),
    ),
  ]
}

type Pair = readonly [caller: LineClient.LineClient, callee: LineClient.LineClient]

const connectPairs = async (server: Program.Program): Promise<ReadonlyArray<Pair>> => {
  const port = await server.ask<number>("port")
  const pairs: Array<Pair> = []
  for (let i = 10; i < 10 + inFlight; i++) {
    pairs.push([await LineClient.register(port, `caller-${i}`), await LineClient.register(port, `callee-${i}`)])
  }
  return pairs
}

const negotiate = async (server: Program.Program, pairs: ReadonlyArray<Pair>, millis: number): Promise<Rate> => {
  const cpuBefore = await server.ask<number>("cpu")
  const startedAt = performance.now()
  const counts = await Promise.all(pairs.map((pair, i) => callUntil(pair, `callee-${10 + i}`, startedAt + millis)))
  const elapsed = performance.now() - startedAt
  const cpu = (await server.ask<number>("cpu")) - cpuBefore
  const count = counts.reduce((sum, n) => sum + n, 0)
  return { perSecond: (count / elapsed) * 1000, cpuMicros: cpu / count }
}

/** Calls until the time is up; the next time when both have been told to start. How often they were. */
const callUntil = ([caller, callee]: Pair, name: string, end: number): Promise<number> =>
  new Promise((resolve, reject) => {
    let [count, started] = [0, 0]
    const answerTo = (client: LineClient.LineClient) => (line: string) => {
      if (line.startsWith("PORT ")) client.send("OK")
      else if (!line.startsWith("STARTCHAT ")) reject(new Error(`A negotiation came to this: ${line}`))
      else if (++started === 2) {
        count += 1
        started = 0
        if (performance.now() < end) caller.send(`CHAT ${name}`)
        else resolve(count)
      }
    }
    caller.onLine(answerTo(caller))
    callee.onLine(answerTo(callee))
    caller.send(`CHAT ${name}`)
  })
