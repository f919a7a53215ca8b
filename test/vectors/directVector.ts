/**
 * A whole opening without a server from fixed bytes, with every datagram and every value on the way (PROTOCOL.md, section
 * 15.2): what `nomitm1-direct.json` says. All bytes are in hexadecimal. The people are those of `nomitm1-handshake.json`.
 *
 * `node test/vectors/directVector.ts` writes the file anew.
 */
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import type { Self } from "../../src/domain/call/CallHandshake.ts"
import * as ChatKeys from "../../src/domain/call/ChatKeys.ts"
import * as DirectDatagram from "../../src/domain/direct/DirectDatagram.ts"
import * as DirectHandshake from "../../src/domain/direct/DirectHandshake.ts"
import * as Identity from "../../src/domain/identity/Identity.ts"
import * as HandshakeState from "../../src/domain/noise/HandshakeState.ts"
import type { PersonName } from "../../src/domain/PersonName.ts"
import { bytesOf, primitives } from "../domain/crypto/primitives.ts"

export const path = join(import.meta.dirname, "nomitm1-direct.json")

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex")
const now = 1_800_000_000

const person = (name: string): Self => ({
  name: name as PersonName,
  identity: Identity.fromSeed(primitives, bytesOf(`nomitm/1 vector ${name}`, 32), { now }),
})

const must = <A>(value: A | undefined): A => {
  if (value === undefined) throw new Error("The handshake did not come up")
  return value
}

/** @param resumes the chat that goes on for both, if one does */
const opening = (label: string, resumes?: Uint8Array) => {
  const draw = (what: string, length: number) => bytesOf(`nomitm/1 vector ${label} ${what}`, length)
  const [alice, bob] = [person("alice"), person("bob")]
  // The larger nonce is the initiator's.
  const [responder, initiator] = [draw("a nonce", 16), draw("another nonce", 16)].toSorted((a, b) =>
    hex(a) < hex(b) ? -1 : 1,
  ) as [Uint8Array, Uint8Array]
  const nonces = { initiator, responder }
  const ours = { ephemeral: draw("initiator ephemeral", 32), kemSeed: draw("ML-KEM seed", 64) }
  const theirs = { ephemeral: draw("responder ephemeral", 32), kemEntropy: draw("ML-KEM entropy", 32) }
  const judgement = { now, highestSerial: () => undefined }

  const begun = must(DirectHandshake.begin(primitives, alice, nonces, ours))
  const answered = must(DirectHandshake.answer(primitives, bob, nonces, begun.xx1, theirs, resumes))
  const finished = must(DirectHandshake.finish(primitives, begun.state, answered.xx2, judgement, resumes))
  const bobs = must(DirectHandshake.complete(primitives, answered.state, finished.xx3, judgement)).keys
  const { keys } = finished

  const complete = must(HandshakeState.read(answered.state.noise, finished.xx3))
  const { kemSecret } = answered.state
  const connect = (nonce: Uint8Array, echo: Uint8Array) => hex(DirectDatagram.encode({ _tag: "Connect", nonce, echo }))
  const zeros = new Uint8Array(16)
  const fragments = (message: DirectDatagram.Message, bytes: Uint8Array) => {
    const [nonce, echo] = message === 2 ? [responder, initiator] : [initiator, responder]
    return DirectDatagram.fragments(message, bytes, { nonce, echo }).map(hex)
  }
  const index = (value: number) => value.toString(16).padStart(8, "0")
  return {
    initiatorNonce: hex(initiator),
    responderNonce: hex(responder),
    initiatorEphemeral: hex(ours.ephemeral),
    initiatorKemSeed: hex(ours.kemSeed),
    responderEphemeral: hex(theirs.ephemeral),
    responderKemEntropy: hex(theirs.kemEntropy),
    /** While neither knows the other, and when both do. */
    connects: {
      initiatorFirst: connect(initiator, zeros),
      responderFirst: connect(responder, zeros),
      initiator: connect(initiator, responder),
      responder: connect(responder, initiator),
    },
    xx1: hex(begun.xx1),
    xx1Fragments: fragments(1, begun.xx1),
    xx2: hex(answered.xx2),
    xx2Fragments: fragments(2, answered.xx2),
    xx3: hex(finished.xx3),
    xx3Fragments: fragments(3, finished.xx3),
    h: hex(keys.h),
    ck: hex(complete.state.chainingKey),
    kemSecret: hex(kemSecret),
    root: hex(ChatKeys.root(primitives, { h: keys.h, ck: complete.state.chainingKey, kemSecret })),
    callId: hex(bobs.callId),
    linkI2r: hex(keys.link.send),
    linkR2i: hex(keys.link.receive),
    recordI2r: hex(bobs.record.receive),
    recordR2i: hex(bobs.record.send),
    indexI2r: index(keys.index.send),
    indexR2i: index(keys.index.receive),
    exporter: hex(keys.exporter),
    sas: hex(bobs.sas),
  }
}

export const make = () => {
  const first = opening("direct")
  const { connects: _connects, ...resuming } = opening("direct resuming", Buffer.from(first.callId, "hex"))
  return {
    source:
      "Made by this project from SHA-256 of labels, and computed a second time with none of its code in nomitm1-direct.steps.test.ts.",
    people: "nomitm1-handshake.json: alice is the initiator, bob the responder.",
    ...first,
    /** The chat that began so goes on: `callId` is its id. */
    resuming,
  }
}

if (import.meta.main) writeFileSync(path, `${JSON.stringify(make(), null, 2)}\n`)
