/**
 * Two openings with a network between them that can lose, repeat, reorder and change what is sent, in a time of its own.
 */
import type { ChatKeys } from "../../../src/domain/call/ChatKeys.ts"
import type { Self } from "../../../src/domain/call/CallHandshake.ts"
import * as DirectOpening from "../../../src/domain/direct/DirectOpening.ts"
import { alice, bob, now as seconds } from "../call/handshakes.ts"
import { bytesOf, primitives } from "../crypto/primitives.ts"

export class Side {
  state: DirectOpening.State
  keys: Array<ChatKeys> = []
  sent: Array<Uint8Array> = []
  forgotten = 0
  constructor(self: Self, label: string, tools = primitives, resumes?: DirectOpening.Config["resumes"]) {
    this.state = DirectOpening.initial({
      primitives: tools,
      self,
      nonce: bytesOf(`nonce ${label}`, 16),
      entropy: bytesOf(`entropy ${label}`, 32),
      highestSerial: () => undefined,
      resumes,
    })
  }
  /** What goes out at this event. */
  on(event: DirectOpening.Event): ReadonlyArray<Uint8Array> {
    const [state, actions] = DirectOpening.step(this.state, event)
    this.state = state
    const datagrams: Array<Uint8Array> = []
    for (const action of actions) {
      if (action._tag === "Established") this.keys.push(action.keys)
      else if (action._tag === "Send") datagrams.push(action.datagram)
      else this.forgotten++
    }
    this.sent.push(...datagrams)
    return datagrams
  }
  hear(datagram: Uint8Array, now: number): ReadonlyArray<Uint8Array> {
    return this.on({ _tag: "Heard", datagram, now, seconds })
  }
}

export interface Fate {
  /** The datagrams that arrive instead, and after how many milliseconds. */
  readonly deliver: (datagram: Uint8Array, from: "alice" | "bob") => ReadonlyArray<readonly [Uint8Array, number]>
}

export const quick: Fate = { deliver: (datagram) => [[datagram, 20]] }

/** Runs both until they have keys, or until `until`. */
export const run = (fate: Fate = quick, until = 20_000, labels: readonly [string, string] = ["alice", "bob"]) =>
  meet({ alice: new Side(alice, labels[0]), bob: new Side(bob, labels[1]) }, fate, until)

/** The same of two that are there. */
export const meet = (sides: { readonly alice: Side; readonly bob: Side }, fate: Fate = quick, until = 20_000) => {
  const wire: Array<{ readonly at: number; readonly to: "alice" | "bob"; readonly datagram: Uint8Array }> = []
  let now = 0
  const send = (from: "alice" | "bob", datagrams: ReadonlyArray<Uint8Array>): void => {
    const to = from === "alice" ? "bob" : "alice"
    for (const datagram of datagrams) {
      for (const [bytes, after] of fate.deliver(datagram, from)) wire.push({ at: now + after, to, datagram: bytes })
    }
  }
  while (now <= until && (sides.alice.keys.length === 0 || sides.bob.keys.length === 0)) {
    wire.sort((a, b) => a.at - b.at)
    const next = wire[0]
    const dueOf = (name: "alice" | "bob"): number => Math.max(now, DirectOpening.dueAt(sides[name].state))
    const who = dueOf("alice") <= dueOf("bob") ? "alice" : "bob"
    if (next !== undefined && next.at <= dueOf(who)) {
      wire.shift()
      now = next.at
      const { to } = next
      send(to, sides[to].hear(next.datagram, now))
    } else {
      now = dueOf(who)
      if (now === Infinity) break
      send(who, sides[who].on({ _tag: "Due", now }))
    }
  }
  return { ...sides, now }
}
