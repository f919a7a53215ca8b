/**
 * Two sides of a sealed chat in a world of their own: a clock, addresses, a network that does to each datagram what it is
 * told, and, if they were brought together by one, a server that relays.
 */
import { assert } from "@effect/vitest"
import type { Primitives } from "../../../src/domain/crypto/Primitives.ts"
import * as Endpoint from "../../../src/domain/Endpoint.ts"
import type { CandidateMessage } from "../../../src/domain/reach/CandidateMessage.ts"
import { Timeline } from "../ConversationNetwork.ts"
import { primitives } from "../crypto/primitives.ts"
import { chatKeys } from "./keys.ts"
import { type Datagram, type Network, SealedSide, type Way } from "./SealedSide.ts"

export type { Datagram } from "./SealedSide.ts"

/** Every nonce that was used, with the key it was used with: no pair may come twice. */
export class Nonces {
  readonly used = new Set<string>()

  /** The real primitives, but that each record sealed is noted. */
  readonly primitives: Primitives = {
    ...primitives,
    recordCipher: (key) => {
      const name = Buffer.from(key).toString("hex")
      const cipher = primitives.recordCipher(key)
      return {
        open: (...sealed) => cipher.open(...sealed),
        openInto: (...sealed) => cipher.openInto(...sealed),
        seal: (counter, ...rest) => {
          const pair = `${name} ${counter}`
          assert.isFalse(this.used.has(pair), `counter ${counter} is used a second time`)
          this.used.add(pair)
          cipher.seal(counter, ...rest)
        },
      }
    },
  }
}

export const aliceAt: Endpoint.Endpoint = { address: "192.0.2.1", port: 5000 }
export const bobAt: Endpoint.Endpoint = { address: "192.0.2.2", port: 5000 }
export const malloryAt: Endpoint.Endpoint = { address: "192.0.2.66", port: 666 }

/** What becomes of a datagram: how late each copy of it arrives, in milliseconds; none at all is a loss. */
export type Fate = (datagram: Datagram) => ReadonlyArray<number>

/** From one side to the other takes so long where nothing else is said, by the server as well. In milliseconds. */
export const fairDelay = 20

/** Alice and bob, and everything that was sent. */
export class World {
  readonly timeline = new Timeline()
  readonly nonces = new Nonces()
  readonly wire: Array<Datagram> = []
  readonly chat: string
  fate: Fate = () => [fairDelay]
  readonly alice: SealedSide
  readonly bob: SealedSide

  constructor({
    fate,
    chat = "a chat",
    way = "address",
  }: { readonly chat?: string; readonly fate?: Fate; readonly way?: Way } = {}) {
    if (fate !== undefined) this.fate = fate
    this.chat = chat
    const network: Network = { timeline: this.timeline, transmit: this.transmit, tell: this.tell }
    const keys = chatKeys(chat)
    const of = (name: "alice" | "bob", address: Endpoint.Endpoint, remote: Endpoint.Endpoint) =>
      new SealedSide({
        network,
        name,
        way,
        address,
        remote,
        keys: keys[name],
        primitives: this.nonces.primitives,
      })
    this.alice = of("alice", aliceAt, bobAt)
    this.bob = of("bob", bobAt, aliceAt)
    this.alice.follow()
    this.bob.follow()
  }

  readonly transmit = (datagram: Datagram): void => {
    this.wire.push(datagram)
    // What may take few hops only does not come far.
    if (datagram.ttl !== undefined) return
    for (const delay of this.fate(datagram)) this.timeline.after(delay, () => this.deliver(datagram))
  }

  /** To whoever is there now. */
  readonly deliver = ({ payload, from, to }: Pick<Datagram, "payload" | "from" | "to">): void => {
    if (to === undefined) return (from === this.alice.address ? this.bob : this.alice).receive(payload, undefined)
    for (const side of [this.alice, this.bob]) if (Endpoint.equals(side.address, to)) side.receive(payload, from)
  }

  private readonly tell = (from: SealedSide, message: CandidateMessage): void => {
    this.timeline.after(fairDelay, () => (from === this.alice ? this.bob : this.alice).told(message))
  }

  pass(millis: number): void {
    this.timeline.advance(this.timeline.now + millis)
  }

  /** Both have heard each other. */
  opened(): this {
    this.pass(1000)
    assert.isTrue(this.alice.opened && this.bob.opened)
    return this
  }

  /** Another handshake of the two: alice has its keys first. */
  resume(call: string): void {
    const { alice, bob } = chatKeys(`${this.chat}, ${call}`)
    this.alice.resume(alice)
    this.pass(fairDelay)
    this.bob.resume(bob)
  }
}
