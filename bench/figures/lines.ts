/**
 * How many lines a second the server answers on one connection when each waits for the answer to the one before.
 */
import * as Figure from "../Figure.ts"
import * as LineClient from "../LineClient.ts"
import * as Program from "../Program.ts"

export const measure = async (quick: boolean): Promise<ReadonlyArray<Figure.Figure>> => {
  const programs = [await Program.start("server.ts"), await Program.start("bareServer.ts", ["echo"])] as const
  const [program, floor] = [await connect(programs[0]), await connect(programs[1])]
  const millis = quick ? 150 : 500
  const rounds = await Figure.inTurns(
    quick ? 3 : 11,
    () => roundTripsPerSecond(program, millis),
    () => roundTripsPerSecond(floor, millis),
  )
  program.close()
  floor.close()
  await Promise.all(programs.map((_) => _.end()))
  return [
    Figure.make(
      {
        id: "line-round-trips",
        name: "Line round trips, one at a time",
        unit: "/s",
        floorIs: "node:net that echoes",
        relation: "times",
        target: { bound: "at least", value: 0.55 },
      },
      rounds,
    ),
  ]
}

const connect = async (server: Program.Program): Promise<LineClient.LineClient> =>
  LineClient.connect(await server.ask("port"))

const roundTripsPerSecond = (client: LineClient.LineClient, millis: number): Promise<number> =>
  new Promise((resolve) => {
    const startedAt = performance.now()
    let count = 0
    client.onLine(() => {
      count += 1
      const elapsed = performance.now() - startedAt
      if (elapsed < millis) client.send("HELLO")
      else resolve((count / elapsed) * 1000)
    })
    client.send("HELLO")
  })
