/**
 * The handshake of a chat, both sides of it, and the primitives that it consists of, alone. Every time is in
 * microseconds for one handshake: by the clock, and of the processor.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { randomBytes } from "node:crypto"
import * as NodeCryptography from "../../src/adapters/node/NodeCryptography.ts"
import * as CallHandshake from "../../src/domain/call/CallHandshake.ts"
import * as LinkChannel from "../../src/domain/call/LinkChannel.ts"
import * as Certificate from "../../src/domain/identity/Certificate.ts"
import * as Identity from "../../src/domain/identity/Identity.ts"
import * as PersonId from "../../src/domain/identity/PersonId.ts"
import type { PersonName } from "../../src/domain/PersonName.ts"
import { answer } from "./answer.ts"

export interface Cost {
  readonly wall: number
  readonly cpu: number
}

const primitives = await Effect.runPromise(NodeCryptography.primitives)
const now = 1_800_000_000
const person = (name: string): CallHandshake.Self => ({
  identity: Identity.fromSeed(primitives, randomBytes(32), { now }),
  name: name as PersonName,
})
const [alice, bob] = [person("alice"), person("bob")]
const judgement = { now, highestSerial: () => undefined }

const must = <A>(value: A | undefined): A => {
  if (value === undefined) throw new Error("The handshake failed.")
  return value
}

/** From the callee's certificate to M4 verified. */
const handshake = (): void => {
  const certificate = Result.getOrThrow(Certificate.read(primitives, bob.identity.certificate.encoded, { now }))
  const entropy = { callId: randomBytes(16), ephemeral: randomBytes(32), kemSeed: randomBytes(64) }
  const dialled = { _tag: "Name", name: bob.name } as const
  const calling = must(CallHandshake.initiate(primitives, { self: alice, callee: certificate, dialled, entropy }))
  const callerHash = PersonId.hash(primitives, alice.identity.id)
  const caller = Result.getOrThrow(
    CallHandshake.readM1(primitives, { self: bob, callId: entropy.callId, callerHash, ...judgement }, calling.m1),
  )
  const answered = must(
    CallHandshake.answer(primitives, caller, undefined, { ephemeral: randomBytes(32), kemEntropy: randomBytes(32) }),
  )
  const keys = must(CallHandshake.readM2(primitives, calling.state, answered.m2, judgement))
  const [callers, callees] = [LinkChannel.make(keys), LinkChannel.make(answered.keys)]
  const m3 = must(LinkChannel.seal(primitives, callers, LinkChannel.confirm))
  const confirmed = must(LinkChannel.open(primitives, callees, m3.data))
  const m4 = must(LinkChannel.seal(primitives, confirmed.channel, LinkChannel.accept))
  must(LinkChannel.open(primitives, m3.channel, m4.data))
}

const key = randomBytes(32)
const publicKey = primitives.x25519.publicKey(randomBytes(32))
const message = randomBytes(100)
const signer = primitives.ed25519.publicKey(key)
const signature = primitives.ed25519.sign(key, message)

/** What no implementation can do without: two ephemeral keys, eight shared secrets, three signatures verified, ML-KEM. */
const alone = (): void => {
  for (let i = 0; i < 2; i++) primitives.x25519.publicKey(randomBytes(32))
  for (let i = 0; i < 8; i++) primitives.x25519.sharedSecret(key, publicKey)
  for (let i = 0; i < 3; i++) primitives.ed25519.verify(signer, message, signature)
  const seed = randomBytes(64)
  const { ciphertext } = must(primitives.mlKem768.encapsulate(primitives.mlKem768.publicKey(seed), randomBytes(32)))
  primitives.mlKem768.decapsulate(seed, ciphertext)
}

const cost = (count: number, work: () => void): Cost => {
  const before = process.cpuUsage()
  const startedAt = performance.now()
  for (let i = 0; i < count; i++) work()
  const wall = ((performance.now() - startedAt) * 1000) / count
  const { user, system } = process.cpuUsage(before)
  return { wall, cpu: (user + system) / count }
}

answer({
  handshake: (count: number) => cost(count, handshake),
  alone: (count: number) => cost(count, alone),
})
