/**
 * A stand-in for the original server, made from the notes on its behaviour (SPEC sections 2 and 3): with its race.
 *
 * Two threads read the called side's connection. The one that only carries out lines nearly always gets the first line
 * after PORT, and half of those after it; what it gets, it calls unknown. Nothing ever times out.
 */
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import * as Random from "effect/Random"
import * as LineSplitter from "../../src/domain/LineSplitter.ts"
import { type Connection, RendezvousTransport } from "../../src/services/RendezvousTransport.ts"

/** How often the wrong thread gets the first line after PORT, and a later one. */
const wrongReader = { first: 0.97, later: 0.5 }

const maxTries = 20

interface Client {
  readonly connection: Connection
  name: string | undefined
  /** Its own thread waits for answers to PORT: all that it says is one. */
  answers: Queue.Queue<string> | undefined
  /** The thread of somebody who calls it waits for an answer. */
  asked: { readonly answers: Queue.Queue<string>; lines: number } | undefined
}

/** What a thread reads when a connection has ended. */
const gone = "<gone>"

export interface OriginalServer {
  readonly port: number
  /** How often a line of a called side went to the wrong thread. */
  readonly misread: () => number
}

/** Serves on the transport there is, until the scope ends. Draws ports from 40001 upwards. */
export const make = Effect.fnUntraced(function* (address: string) {
  const transport = yield* RendezvousTransport
  const random = yield* Random.Random
  const listener = yield* Effect.orDie(transport.listen({ address, port: 0 }))
  const clients: Array<Client> = []
  let port = 40_000
  let misread = 0

  const say = (client: Client, ...lines: ReadonlyArray<string>): void => {
    for (const line of lines) client.connection.send(`${line}\n`)
  }

  const negotiate = Effect.fnUntraced(function* (caller: Client, callee: Client) {
    const [callerAnswers, calleeAnswers] = [yield* Queue.unbounded<string>(), yield* Queue.unbounded<string>()]
    caller.answers = callerAnswers
    for (let tries = 0; tries < maxTries; tries++) {
      port += 1
      say(caller, `PORT ${port}`)
      const here = yield* Queue.take(callerAnswers)
      if (here === gone) break
      say(callee, `PORT ${port}`)
      callee.asked = { answers: calleeAnswers, lines: 0 }
      const there = yield* Queue.take(calleeAnswers)
      callee.asked = undefined
      // The thread of the caller meets the end of the other's connection, and dies of it.
      if (there === gone) {
        yield* caller.connection.end
        break
      }
      if (here === "OK" && there === "OK") break
    }
    caller.answers = undefined
    say(caller, `STARTCHAT ${callee.connection.remote.address} ${port} ${callee.name}`)
    say(callee, `STARTCHAT ${caller.connection.remote.address} ${port} ${caller.name}`)
    // What it has said meanwhile is read now.
    for (const line of yield* Queue.clear(callerAnswers)) yield* carryOut(caller, line)
  })

  const carryOut = (client: Client, line: string): Effect.Effect<void> =>
    Effect.suspend(() => {
      const [operation, name = ""] = line.split(" ") as [string, string | undefined]
      const isTaken = clients.some((other) => other.name === name)
      switch (operation) {
        case "HELLO":
          return Effect.sync(() => say(client, "HELLO"))
        case "REGISTER":
          if (isTaken) return Effect.sync(() => say(client, "ERROR User_exists"))
          client.name = name
          return Effect.sync(() => say(client, `REGISTERED ${name} OK`))
        case "LISTUSERS":
          return Effect.sync(() => say(client, "STARTUSERS", ...clients.flatMap(({ name }) => name ?? []), "ENDUSERS"))
        case "CHAT": {
          const callee = clients.find((other) => other.name === name)
          if (callee === undefined) return Effect.sync(() => say(client, "ERROR User_not_online"))
          say(client, "OK")
          return negotiate(client, callee)
        }
        default:
          return Effect.sync(() => say(client, "ERROR Operation_unknown"))
      }
    })

  /** Gives a line to whichever thread reads it. */
  const read = (client: Client, line: string): Effect.Effect<unknown> => {
    if (client.answers !== undefined) return Queue.offer(client.answers, line)
    const { asked } = client
    // A CHAT blocks the thread that reads, not the connection.
    if (asked === undefined) return Effect.forkChild(carryOut(client, line), { startImmediately: true })
    asked.lines += 1
    const isMisread = random.nextDoubleUnsafe() < (asked.lines === 1 ? wrongReader.first : wrongReader.later)
    if (!isMisread || line === gone) return Queue.offer(asked.answers, line)
    misread += 1
    return carryOut(client, line)
  }

  const serve = Effect.fnUntraced(function* (connection: Connection) {
    const client: Client = { connection, name: undefined, answers: undefined, asked: undefined }
    clients.push(client)
    let splitter = LineSplitter.initial
    yield* Effect.gen(function* () {
      for (;;) {
        const [next, lines] = LineSplitter.push(splitter, yield* connection.receive)
        splitter = next
        for (const line of lines) if (line._tag === "Line") yield* read(client, line.text)
      }
    }).pipe(Effect.ignore)
    // Who calls stays in the list as long as its thread waits for somebody else's answer.
    if (client.answers !== undefined || client.asked !== undefined) yield* read(client, gone)
    yield* Effect.sleep(1).pipe(Effect.repeat({ while: () => client.answers !== undefined }))
    clients.splice(clients.indexOf(client), 1)
  })

  yield* Effect.forkScoped(listener.serve(serve), { startImmediately: true })
  return { port: listener.local.port, misread: () => misread } satisfies OriginalServer
})
