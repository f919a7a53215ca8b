/**
 * Handshakes of two sides with fixed keys, for tests of any pattern.
 */
import { assert } from "@effect/vitest"
import * as HandshakeState from "../../../src/domain/noise/HandshakeState.ts"
import type * as Pattern from "../../../src/domain/noise/Pattern.ts"
import { bytesOf, primitives } from "../crypto/primitives.ts"

export const names = (
  "N K X NN NK NX KN KK KX XN XK XX IN IK IX NK1 NX1 X1N X1K XK1 X1K1 X1X XX1 X1X1 " +
  "K1N K1K KK1 K1K1 K1X KX1 K1X1 I1N I1K IK1 I1K1 I1X IX1 I1X1"
).split(" ") as Array<Pattern.Name>

export const secrets = {
  initiator: { s: bytesOf("initiator static", 32), e: bytesOf("initiator ephemeral", 32) },
  responder: { s: bytesOf("responder static", 32), e: bytesOf("responder ephemeral", 32) },
}
export const psk = bytesOf("psk", 32)

export const prologue = bytesOf("prologue", 20)

/** Both sides before the first message: the initiator and the responder. */
export const pair = (
  pattern: Pattern.Name,
): readonly [initiator: HandshakeState.HandshakeState, responder: HandshakeState.HandshakeState] => {
  const side = (initiator: boolean): HandshakeState.HandshakeState => {
    const [own, other] = initiator ? [secrets.initiator, secrets.responder] : [secrets.responder, secrets.initiator]
    // One-way patterns are sealed to the responder.
    const letters = pattern.replaceAll(/1|psk.*/g, "").padEnd(2, "K")
    const known = letters[initiator ? 1 : 0] === "K"
    return HandshakeState.initialize({
      primitives,
      pattern,
      initiator,
      prologue,
      s: own.s,
      rs: known ? primitives.x25519.publicKey(other.s) : undefined,
      psks: Array.from({ length: 4 }, () => psk),
    })
  }
  return [side(true), side(false)]
}

export interface Step {
  /** Before the message. */
  readonly writer: HandshakeState.HandshakeState
  readonly reader: HandshakeState.HandshakeState
  readonly ephemeral: Uint8Array
  readonly payload: Uint8Array
  readonly message: Uint8Array
}

export interface Played {
  readonly steps: ReadonlyArray<Step>
  readonly initiator: HandshakeState.HandshakeState
  readonly responder: HandshakeState.HandshakeState
}

/** Goes on with a handshake to its end, all messages delivered. */
export const play = (
  initiator: HandshakeState.HandshakeState,
  responder: HandshakeState.HandshakeState,
  payloadOf: (i: number) => Uint8Array = (i) => bytesOf(`payload ${i}`, 5 * i),
): Played => {
  const steps: Array<Step> = []
  const sides = { initiator, responder }
  while (!HandshakeState.isComplete(sides.initiator)) {
    const i = sides.initiator.messages
    const [writing, reading] =
      i % 2 === 0 ? (["initiator", "responder"] as const) : (["responder", "initiator"] as const)
    const [writer, reader] = [sides[writing], sides[reading]]
    const ephemeral = secrets[writing].e
    const payload = payloadOf(i)
    const written = HandshakeState.write(writer, payload, ephemeral)
    assert.isDefined(written, `message ${i + 1} is written`)
    const read = HandshakeState.read(reader, written!.message)
    assert.isDefined(read, `message ${i + 1} is read`)
    assert.deepStrictEqual(read!.payload, payload)
    steps.push({ writer, reader, ephemeral, payload, message: written!.message })
    sides[writing] = written!.state
    sides[reading] = read!.state
  }
  return { steps, ...sides }
}

/** Whether the two have the same keys. */
export const agree = (a: HandshakeState.HandshakeState, b: HandshakeState.HandshakeState): boolean =>
  HandshakeState.isComplete(a) &&
  HandshakeState.isComplete(b) &&
  Buffer.compare(a.handshakeHash, b.handshakeHash) === 0 &&
  Buffer.compare(a.chainingKey, b.chainingKey) === 0
