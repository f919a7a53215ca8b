/**
 * The way through a server that two sides of an agreed call have, without a server: two wires that are joined.
 */
import { Clock, Effect, FiberSet } from "effect"
import type { LinkMessage } from "../../../src/domain/call/LinkChannel.ts"
import type { PeerSocket } from "../../../src/services/PeerTransport.ts"
import type { CallWire, WireEvent } from "../../../src/services/link/SealedLink.ts"
import type { Endpoint } from "../../../src/domain/Endpoint.ts"

export type Name = "alice" | "bob"

export interface Relayed {
  readonly from: Name
  readonly at: number
  readonly record: Uint8Array
}

export interface Wires {
  readonly wire: Record<Name, CallWire>
  /** What was given to the relay. */
  readonly relayed: ReadonlyArray<Relayed>
  /** The candidates, and whatever else was told. */
  readonly told: ReadonlyArray<{ readonly from: Name; readonly message: LinkMessage }>
  /** STARTCHAT, to one side. */
  readonly start: (to: Name, socket: PeerSocket | undefined, remote: Endpoint | undefined) => void
  /** The server relays nothing, and says so. */
  readonly refuse: () => void
  /** Nothing arrives, and nobody is told: a server that hangs. */
  readonly hang: (isHanging: boolean) => void
  /** The call has ended, for one side or for both. */
  readonly gone: (code: string, to?: Name) => void
  /** Who said that the chat is over. */
  readonly ended: ReadonlyArray<Name>
}

const other = (name: Name): Name => (name === "alice" ? "bob" : "alice")

/** @param latencyMillis from one side to the other */
export const make = Effect.fnUntraced(function* (latencyMillis = 20) {
  const clock = yield* Clock.Clock
  const fork = yield* FiberSet.makeRuntime<never, void, never>()
  const relayed: Array<Relayed> = []
  const told: Array<Wires["told"][number]> = []
  const ended: Array<Name> = []
  const over = new Set<Name>()
  const handlers: Record<Name, ((event: WireEvent) => void) | undefined> = { alice: undefined, bob: undefined }
  const early: Record<Name, Array<WireEvent>> = { alice: [], bob: [] }
  let isHanging = false
  let isRefusing = false

  const give = (to: Name, event: WireEvent): void => {
    if (over.has(to)) return
    if (event._tag === "Gone") over.add(to)
    const handler = handlers[to]
    if (handler === undefined) early[to].push(event)
    else handler(event)
  }
  const later = (to: Name, event: WireEvent): void => {
    fork(
      Effect.delay(
        Effect.sync(() => (isHanging ? undefined : give(to, event))),
        latencyMillis,
      ),
    )
  }

  const wireOf = (name: Name): CallWire => ({
    relay: (record) => {
      if (over.has(name) || isRefusing) return false
      relayed.push({ from: name, at: clock.currentTimeMillisUnsafe(), record: record.slice() })
      later(other(name), { _tag: "Relayed", record: record.slice() })
      return true
    },
    tell: (message) => {
      if (over.has(name)) return
      told.push({ from: name, message })
      later(other(name), { _tag: "Told", message })
    },
    receive: (handler) =>
      Effect.acquireRelease(
        Effect.sync(() => {
          handlers[name] = handler
          for (const event of early[name].splice(0)) handler(event)
        }),
        () =>
          Effect.sync(() => {
            if (handlers[name] === handler) handlers[name] = undefined
          }),
      ),
    end: Effect.sync(() => {
      if (!ended.includes(name)) ended.push(name)
      over.add(name)
    }),
  })

  return {
    wire: { alice: wireOf("alice"), bob: wireOf("bob") },
    relayed,
    told,
    ended,
    start: (to, socket, remote) =>
      later(to, { _tag: "Started", port: socket && { socket, release: Effect.void }, remote }),
    refuse: () => {
      isRefusing = true
      give("alice", { _tag: "RelayRefused" })
      give("bob", { _tag: "RelayRefused" })
    },
    hang: (hanging) => void (isHanging = hanging),
    gone: (code: string, to?: Name) => {
      for (const name of ["alice", "bob"] as const)
        if (to === undefined || to === name) give(name, { _tag: "Gone", code })
    },
  } satisfies Wires
})
