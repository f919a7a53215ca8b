/**
 * Many negotiations one after the other between two clients who answer PORT in one way, on our server.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import * as PortAllocator from "../../src/services/PortAllocator.ts"
import { RendezvousServer } from "../../src/services/server/RendezvousServer.ts"
import { ServerLimits, defaults } from "../../src/services/server/ServerLimits.ts"
import * as Recording from "./Recording.ts"
import { pass, type Script, type Wire } from "./Wire.ts"

/** How a free port is answered: pauses in milliseconds, and what is said after each. */
export type Answer = ReadonlyArray<readonly [number, string]>

/** How often a port is in use on one side. */
const refusals = 0.15
/** A negotiation that goes on for so long stalls, in milliseconds. */
const stallMillis = 15_000
const tickMillis = 100

interface Client {
  readonly script: Script
  /** How many of its lines have been looked at. */
  read: number
  /** What it is going to say, and when. */
  readonly plans: Array<{ readonly at: number; readonly text: string }>
  readonly refused: Set<number>
  started: number | undefined
}

export interface Outcome {
  readonly started: number
  /** Chats on a port that somebody refused, or on two different ports. */
  readonly wrong: ReadonlyArray<string>
  readonly stalled: number
}

export const negotiations = Effect.fnUntraced(function* (wire: Wire, answer: Answer, count: number) {
  const random = yield* Random.Random
  const server = yield* Layer.build(
    RendezvousServer.layer({ address: wire.bind, port: 0, dialect: "original" }).pipe(
      Layer.provide([
        wire.transport,
        PortAllocator.PortAllocator.layer(),
        Layer.succeed(ServerLimits, { ...defaults, lines: { burst: 100_000, perSecond: 100_000 } }),
      ]),
    ),
  )
  const { port } = (yield* Effect.provideContext(RendezvousServer, server)).local
  let now = 0

  const join = Effect.fnUntraced(function* (name: string, from: string) {
    const script = yield* wire.connect(port, from)
    yield* script.send(Buffer.from(`HELLO\nREGISTER ${name}\n`))
    yield* pass(wire, 0)
    return { script, read: 0, plans: [], refused: new Set(), started: undefined } as Client
  })

  const listen = (client: Client): void => {
    const lines = Recording.lines(client.script.received(), false)
    for (const line of lines.slice(client.read)) {
      const [operation, first, second] = line.split(" ")
      if (operation === "STARTCHAT") client.started = Number(second)
      if (operation !== "PORT") continue
      // A stream keeps its order: nothing overtakes what is still on its way.
      let at = Math.max(now, client.plans.at(-1)?.at ?? 0)
      if (random.nextDoubleUnsafe() < refusals) {
        client.refused.add(Number(first))
        client.plans.push({ at, text: "ERROR\n" })
        continue
      }
      for (const [pause, text] of answer) client.plans.push({ at: (at += pause), text })
    }
    client.read = lines.length
  }

  const speak = Effect.fnUntraced(function* (client: Client) {
    const due = client.plans.filter(({ at }) => at <= now)
    for (const { text } of due) {
      yield* client.script.send(Buffer.from(text))
      // A segment of its own.
      yield* wire.settle
    }
    client.plans.splice(0, due.length)
  })

  const clients = [yield* join("a", "127.0.0.2"), yield* join("b", "127.0.0.3")]
  const outcome = { started: 0, wrong: [] as Array<string>, stalled: 0 }
  for (let i = 0; i < count; i++) {
    for (const client of clients) {
      client.refused.clear()
      client.started = undefined
    }
    const [caller, name] = i % 2 === 0 ? [clients[0]!, "b"] : [clients[1]!, "a"]
    yield* caller.script.send(Buffer.from(`CHAT ${name}\n`))
    const deadline = now + stallMillis
    yield* wire.settle
    while (clients.some(({ started }) => started === undefined) && now < deadline) {
      clients.forEach(listen)
      for (const client of clients) yield* speak(client)
      const next = Math.min(now + tickMillis, ...clients.flatMap(({ plans }) => plans.map(({ at }) => at)))
      yield* pass(wire, next - now)
      now = next
    }
    const ports = clients.map(({ started }) => started)
    if (ports.includes(undefined)) outcome.stalled += 1
    else outcome.started += 1
    const isWrong = ports[0] !== ports[1] || clients.some(({ refused }) => refused.has(ports[0]!))
    if (isWrong) outcome.wrong.push(`${i}: ${ports.join(", ")}`)
  }
  return outcome satisfies Outcome
})
