/**
 * A client's side of the rendezvous as tests speak to it: what happens, and what it does then, in words.
 */
import * as Option from "effect/Option"
import * as ClientMessage from "../../src/domain/ClientMessage.ts"
import type { Dialect } from "../../src/domain/Dialect.ts"
import { format } from "../../src/domain/Endpoint.ts"
import * as RendezvousLink from "../../src/domain/RendezvousLink.ts"
import * as Username from "../../src/domain/Username.ts"

export const [alice, bob, carol, dave] = ["alice", "bob", "carol", "dave"].map((name) =>
  Username.Username.make(name),
) as [Username.Username, Username.Username, Username.Username, Username.Username]

const inWords = (action: RendezvousLink.Action): string => {
  switch (action._tag) {
    case "Send":
      return `> ${ClientMessage.encode(action.message)}`
    case "Registered":
      return "registered"
    case "NotRegistered":
      return `not registered: ${action.code}`
    case "Listed":
      return `listed: ${action.names.join(" ")}`
    case "NotListed":
      return `not listed: ${action.code}`
    case "NotCalled":
      return `not called: ${action.code}`
    case "TryPort":
      return `try ${action.port}`
    case "GiveBack":
      return "give back"
    case "Start": {
      const peer = Option.getOrElse(action.peer, () => "somebody")
      return `start ${peer} ${format(action.remote)}${action.isAnswer ? ", the answer" : ""}`
    }
    case "Lost":
      return `lost: ${action.reason}`
  }
}

/** alice's client, which has said HELLO at time 0. */
export const client = (dialect: Dialect) => {
  const [initial, actions] = RendezvousLink.start({ dialect, name: alice }, 0)
  let state = initial
  let now = 0
  let available = true
  const step = (event: RendezvousLink.Event): ReadonlyArray<string> => {
    const [next, done] = RendezvousLink.step(state, event)
    state = next
    return done.map(inWords)
  }
  const side = {
    began: actions.map(inWords),
    state: () => state,
    dueAt: () => RendezvousLink.dueAt(state),
    /** What follows happens then. */
    at: (millis: number) => {
      now = millis
      return side
    },
    isAvailable: (is: boolean): ReadonlyArray<string> => {
      available = is
      return []
    },
    hears: (...lines: ReadonlyArray<string>) =>
      lines.flatMap((text) => step({ _tag: "Heard", line: { _tag: "Line", text }, available, now })),
    hearsTooMuch: () => step({ _tag: "Heard", line: { _tag: "TooLong" }, available, now }),
    tried: (port: number, free: boolean) => step({ _tag: "PortTried", port, free, now }),
    lists: () => step({ _tag: "List", now }),
    calls: (name: Username.Username) => step({ _tag: "Call", name, now }),
    abandons: () => step({ _tag: "Abandon" }),
    due: () => step({ _tag: "Due", now }),
    closes: () => step({ _tag: "Closed" }),
  }
  return side
}

/** The same when it has its name. */
export const registered = (dialect: Dialect) => {
  const side = client(dialect)
  side.hears("HELLO", dialect === "readme" ? "REGISTER alice OK" : "REGISTERED alice OK")
  return side
}

/** The same when it was asked for a port, and has said yes. */
export const asked = (dialect: Dialect) => {
  const side = registered(dialect)
  side.hears("PORT 40001")
  side.tried(40_001, true)
  return side
}
