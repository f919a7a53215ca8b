/**
 * People who call each other through one server, all in memory. Lines wait in a queue until `run`, so that a test can
 * look at them, hold them back, change them or put in its own.
 */
import { assert } from "@effect/vitest"
import type { Action, Config, Event } from "../../../src/domain/call/Calls.ts"
import * as Calls from "../../../src/domain/call/Calls.ts"
import type { CallerEntropy, Self } from "../../../src/domain/call/CallHandshake.ts"
import * as PersonId from "../../../src/domain/identity/PersonId.ts"
import type { ClientLine } from "../../../src/domain/nomitm1/ClientLine.ts"
import type * as Who from "../../../src/domain/nomitm1/Who.ts"
import { bytesOf, primitives } from "../crypto/primitives.ts"
import { calleeEntropy, callerEntropy, hashOf, now as seconds } from "./handshakes.ts"

export type ActionOf<Tag extends Action["_tag"]> = Extract<Action, { readonly _tag: Tag }>
/** What goes to the server: LOOKUP as the machine asks for it, for the service knows whose answer is whose. */
export type Line =
  | Extract<Exclude<ClientLine, { readonly _tag: "LookUp" }>, { readonly callId: Uint8Array }>
  | ActionOf<"LookUp">
export type LineOf<Tag extends Line["_tag"]> = Extract<Line, { readonly _tag: Tag }>

export interface Party {
  readonly self: Self
  /** May be changed by a test. */
  config: Config
  state: Calls.State
  /** What the service would have been told, but for lines. */
  readonly told: Array<Action>
}

export interface Sent {
  readonly from: Party
  readonly line: Line
}

const text = (callId: Uint8Array) => PersonId.ofBytes(callId) as string

export const make = (...selves: ReadonlyArray<Self>) => {
  const clock = { now: 0, seconds }
  const queue: Array<Sent> = []
  /** All lines that were ever sent. */
  const lines: Array<Sent> = []
  const routes = new Map<string, readonly [caller: Party, callee: Party]>()
  let drawn = 0

  const parties = selves.map((self): Party => ({
    self,
    config: {
      primitives,
      self,
      admits: () => "Ring",
      pskOf: () => undefined,
      highestSerial: () => undefined,
      pinned: () => undefined,
      resumable: () => "Unknown",
    },
    state: Calls.initial,
    told: [],
  }))

  /** What the machine does with an event; its lines wait in the queue. */
  const tell = (party: Party, event: Event): ReadonlyArray<Action> => {
    const [state, actions] = Calls.step(party.config, party.state, event, clock)
    party.state = state
    for (const action of actions) {
      if (action._tag !== "Send" && action._tag !== "LookUp") {
        party.told.push(action)
        continue
      }
      const line = action._tag === "LookUp" ? action : action.line
      assert("callId" in line, "all that calls say is about a call")
      queue.push({ from: party, line })
      lines.push({ from: party, line })
    }
    return actions
  }

  const partyOf = (who: Who.Who) =>
    parties.find(({ self }) => (who._tag === "Name" ? self.name === who.name : self.identity.id === who.id))

  /** An honest server's part in one line. */
  const serve = ({ from, line }: Sent): void => {
    switch (line._tag) {
      case "LookUp": {
        const { callId } = line
        const found = partyOf(line.who)
        if (found === undefined) return void tell(from, { _tag: "NotFound", callId, code: "User_not_online" })
        const { name, identity } = found.self
        return void tell(from, { _tag: "Found", callId, name, certificate: identity.certificate.encoded })
      }
      case "Chat": {
        const { callId, m1, who } = line
        const callee = partyOf(who)
        if (callee === undefined) return void tell(from, { _tag: "Ended", callId, code: "User_not_online" })
        routes.set(text(callId), [from, callee])
        return void incoming(callee, { callId, m1, callerHash: hashOf(from.self) })
      }
      case "Pass":
      case "Accept":
      case "End": {
        const route = routes.get(text(line.callId))
        const other = route?.find((party) => party !== from)
        if (route === undefined || other === undefined) return
        const { callId } = line
        if (line._tag === "Pass") return void tell(other, { _tag: "Passed", callId, data: line.data })
        if (line._tag === "End") {
          routes.delete(text(callId))
          return void tell(other, { _tag: "Ended", callId, code: line.code })
        }
        for (const party of route) tell(party, { _tag: "AskedPort", callId, port: 55_000 })
        for (const party of route) {
          tell(party, { _tag: "StartChat", callId, endpoint: { address: "192.0.2.1", port: 55_000 } })
        }
      }
    }
  }

  const incoming = (
    callee: Party,
    message: { readonly callId: Uint8Array; readonly m1: Uint8Array; readonly callerHash: Uint8Array },
  ) => tell(callee, { _tag: "Incoming", ...message, entropy: calleeEntropy(`callee ${drawn++}`) })

  return {
    parties: parties as [Party, Party, ...Array<Party>],
    clock,
    queue,
    lines,
    tell,
    serve,
    incoming,
    /** Serves what waits, and what comes of it. */
    run: (serveOne: (sent: Sent) => void = serve) => {
      for (let sent = queue.shift(); sent !== undefined; sent = queue.shift()) serveOne(sent)
    },
    /** Takes the next line of a kind out of the queue; those before it are served. */
    until: <Tag extends Line["_tag"]>(tag: Tag): { readonly from: Party; readonly line: LineOf<Tag> } => {
      for (let sent = queue.shift(); sent !== undefined; sent = queue.shift()) {
        if (sent.line._tag === tag) return sent as { readonly from: Party; readonly line: LineOf<Tag> }
        serve(sent)
      }
      return assert.fail(`no ${tag} was sent`)
    },
    dial: (
      party: Party,
      who: Who.Who,
      more: Partial<Extract<Event, { readonly _tag: "Dial" }>> = {},
    ): CallerEntropy["callId"] => {
      const entropy = callerEntropy(`dial ${drawn++}`)
      tell(party, { _tag: "Dial", who, entropy, ...more })
      return entropy.callId
    },
    /** Lets time pass, and tells who waits for it. */
    wait: (millis: number) => {
      const end = clock.now + millis
      for (;;) {
        const next = Math.min(...parties.map(({ state }) => Calls.dueAt(state)))
        if (next > end) break
        clock.now = Math.max(clock.now, next)
        for (const party of parties) if (Calls.dueAt(party.state) <= clock.now) tell(party, { _tag: "Due" })
      }
      clock.now = end
    },
  }
}

/** What a party was told of one kind. */
export const told = <Tag extends Action["_tag"]>(party: Party, tag: Tag): ReadonlyArray<ActionOf<Tag>> =>
  party.told.filter((action): action is ActionOf<Tag> => action._tag === tag)

/** The kinds of all it was told, in order: ends with their codes. */
export const story = (party: Party): ReadonlyArray<string> =>
  party.told.map((action) =>
    action._tag === "CallFailed" || action._tag === "Refused" || action._tag === "Gone"
      ? `${action._tag} ${action.code}`
      : action._tag,
  )

/** The keys of the first call that was agreed on. */
export const keysOf = (party: Party) => {
  const [established] = told(party, "Established")
  assert(established !== undefined, "a call was agreed on")
  return established.keys
}

export const someCallId = (label: string) => bytesOf(label, 16)
