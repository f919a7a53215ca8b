/**
 * What 5,000 registered clients that say nothing cost the server's memory, each server freshly started.
 */
import type * as Figure from "../Figure.ts"
import * as LineClient from "../LineClient.ts"
import * as Memories from "../memoryFigures.ts"
import type { Memory } from "../programs/answer.ts"
import * as Program from "../Program.ts"

/** How many connect at the same time. */
const atOnce = 50

export const measure = async (quick: boolean): Promise<ReadonlyArray<Figure.Figure>> => {
  const clients = quick ? 1000 : 5000
  needsOpenFiles(clients + 100)
  return Memories.measure({
    id: "idle-client",
    of: `an idle client, of ${clients}`,
    floorIs: "node:net that holds as many",
    mostResident: 25,
    rounds: quick ? 1 : 5,
    program: () => perClient(clients, "server.ts"),
    floor: () => perClient(clients, "bareServer.ts"),
  })
}

/** The memory of a server that its clients brought about, in KiB a client. */
const perClient = async (count: number, file: string): Promise<Memory> => {
  const server = await Program.start(file, [], ["--expose-gc"])
  const port = await server.ask<number>("port")
  // What is loaded with the first clients is not theirs.
  for (const client of await registerMany(port, atOnce, "first")) client.close()
  const before = await server.ask<Memory>("memory")
  const clients = await registerMany(port, count, "client")
  const after = await server.ask<Memory>("memory")
  for (const client of clients) client.close()
  await server.end()
  return Memories.each(before, after, count)
}

const registerMany = async (
  port: number,
  count: number,
  name: string,
): Promise<ReadonlyArray<LineClient.LineClient>> => {
  const clients: Array<LineClient.LineClient> = []
  while (clients.length < count) {
    const from = clients.length
    const some = Array.from({ length: atOnce }, (_, i) => LineClient.register(port, `${name}-${from + i}`))
    clients.push(...(await Promise.all(some)))
  }
  return clients
}

/** Node asks the system for as many as the hard limit allows; this says what to do if that is too few. */
const needsOpenFiles = (count: number): void => {
  const { userLimits } = process.report.getReport() as {
    readonly userLimits?: { readonly open_files: { readonly soft: number | "unlimited" } }
  }
  const allowed = userLimits?.open_files.soft ?? "unlimited"
  if (allowed === "unlimited" || allowed >= count) return
  throw new Error(`${count} open files are needed and ${allowed} allowed: run "ulimit -n ${count}" first.`)
}
