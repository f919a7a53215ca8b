/**
 * A test vector of a Noise handshake, in the form that cacophony and snow use, and how one is run.
 */
import { assert } from "@effect/vitest"
import * as CipherState from "../../src/domain/noise/CipherState.ts"
import * as HandshakeState from "../../src/domain/noise/HandshakeState.ts"
import * as Pattern from "../../src/domain/noise/Pattern.ts"
import * as hex from "../domain/crypto/hex.ts"
import { primitives } from "../domain/crypto/primitives.ts"

/** All bytes as hexadecimal text. */
export interface NoiseVector {
  readonly protocol_name: string
  readonly init_prologue: string
  readonly init_static?: string
  readonly init_ephemeral?: string
  readonly init_remote_static?: string
  readonly init_psks?: ReadonlyArray<string>
  readonly resp_prologue: string
  readonly resp_static?: string
  readonly resp_ephemeral?: string
  readonly resp_remote_static?: string
  readonly resp_psks?: ReadonlyArray<string>
  readonly handshake_hash?: string
  readonly messages: ReadonlyArray<{ readonly payload: string; readonly ciphertext: string }>
}

const optional = (text: string | undefined): Uint8Array | undefined =>
  text === undefined ? undefined : hex.bytes(text)

/** The handshake of one side before its first message. */
export const side = (vector: NoiseVector, initiator: boolean): HandshakeState.HandshakeState => {
  const [, name, ...suite] = vector.protocol_name.split("_")
  assert.deepStrictEqual(suite, ["25519", "ChaChaPoly", "SHA256"])
  const pattern = Pattern.parse(name!)
  assert.isDefined(pattern, `${name} is a pattern`)
  const prefix = initiator ? "init" : "resp"
  return HandshakeState.initialize({
    primitives,
    pattern: pattern!,
    initiator,
    prologue: hex.bytes(vector[`${prefix}_prologue`]),
    s: optional(vector[`${prefix}_static`]),
    rs: optional(vector[`${prefix}_remote_static`]),
    psks: vector[`${prefix}_psks`]?.map(hex.bytes) ?? [],
  })
}

/** Plays every message of a vector from one side to the other, those of the handshake and those that follow. */
export const run = (vector: NoiseVector): void => {
  const states: [HandshakeState.HandshakeState, HandshakeState.HandshakeState] = [
    side(vector, true),
    side(vector, false),
  ]
  const ephemerals = [optional(vector.init_ephemeral), optional(vector.resp_ephemeral)]
  const { messages } = states[0].pattern
  const [handshake, transport] = [vector.messages.slice(0, messages.length), vector.messages.slice(messages.length)]
  assert.isAbove(transport.length, 0)

  handshake.forEach(({ ciphertext, payload }, i) => {
    const [writer, reader] = i % 2 === 0 ? ([0, 1] as const) : ([1, 0] as const)
    const written = HandshakeState.write(states[writer], hex.bytes(payload), ephemerals[writer])
    assert.strictEqual(hex.text(written?.message), ciphertext, `message ${i + 1}`)
    const read = HandshakeState.read(states[reader], hex.bytes(ciphertext))
    assert.strictEqual(hex.text(read?.payload), payload, `payload ${i + 1}`)
    states[writer] = written!.state
    states[reader] = read!.state
  })
  for (const state of states) {
    if (vector.handshake_hash === undefined) continue
    assert.strictEqual(hex.text(state.handshakeHash), vector.handshake_hash)
  }

  const ends = states.map((state) => {
    const ciphers = HandshakeState.split(state)
    assert.isDefined(ciphers)
    const { receive, send } = ciphers!
    return { receive, send }
  })
  transport.forEach(({ ciphertext, payload }, j) => {
    const i = handshake.length + j
    // After a one-way handshake of one message only the initiator speaks.
    const [writer, reader] = messages.length === 1 || i % 2 === 0 ? [ends[0]!, ends[1]!] : [ends[1]!, ends[0]!]
    const empty = new Uint8Array(0)
    const sealed = CipherState.encrypt(primitives, writer.send, empty, hex.bytes(payload))
    assert.strictEqual(hex.text(sealed?.ciphertext), ciphertext, `message ${i + 1}`)
    const opened = CipherState.decrypt(primitives, reader.receive, empty, hex.bytes(ciphertext))
    assert.strictEqual(hex.text(opened?.plaintext), payload, `payload ${i + 1}`)
    writer.send = sealed!.state
    reader.receive = opened!.state
  })
}
