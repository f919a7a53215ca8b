/**
 * A call of alice to bob with everything fixed, step by step, for tests that change one thing.
 */
import { assert } from "@effect/vitest"
import * as Result from "effect/Result"
import * as CallHandshake from "../../../src/domain/call/CallHandshake.ts"
import type { ChatKeys } from "../../../src/domain/call/ChatKeys.ts"
import * as Identity from "../../../src/domain/identity/Identity.ts"
import * as PersonId from "../../../src/domain/identity/PersonId.ts"
import type * as Who from "../../../src/domain/nomitm1/Who.ts"
import type { PersonName } from "../../../src/domain/PersonName.ts"
import { bytesOf, primitives } from "../crypto/primitives.ts"

/** Seconds since 1970. */
export const now = 1_800_000_000

export const person = (name: string, at = now): CallHandshake.Self => ({
  identity: Identity.fromSeed(primitives, bytesOf(`seed of ${name}`, 32), { now: at }),
  name: name as PersonName,
})

export const alice = person("alice")
export const bob = person("bob")
export const mallory = person("mallory")

export const byName = (self: CallHandshake.Self): Who.Who => ({ _tag: "Name", name: self.name })
export const byId = (self: CallHandshake.Self): Who.Who => ({ _tag: "Id", id: self.identity.id })

export const judgement: CallHandshake.Judgement = { now, highestSerial: () => undefined }

export const callerEntropy = (label = "call"): CallHandshake.CallerEntropy => ({
  callId: bytesOf(`${label} id`, 16),
  ephemeral: bytesOf(`${label} caller`, 32),
  kemSeed: bytesOf(`${label} kem seed`, 64),
})

export const calleeEntropy = (label = "call"): CallHandshake.CalleeEntropy => ({
  ephemeral: bytesOf(`${label} callee`, 32),
  kemEntropy: bytesOf(`${label} kem entropy`, 32),
})

export const invitation = { inviteId: bytesOf("invite id", 16), psk: bytesOf("invite psk", 32) }

type InitiateOptions = Parameters<typeof CallHandshake.initiate>[1]

export const initiate = (options: Partial<InitiateOptions> = {}) => {
  const started = CallHandshake.initiate(primitives, {
    self: alice,
    callee: bob.identity.certificate,
    dialled: byName(bob),
    entropy: callerEntropy(),
    ...options,
  })
  assert(started !== undefined, "M1 can be made")
  return started
}

export const hashOf = (self: CallHandshake.Self): Uint8Array => PersonId.hash(primitives, self.identity.id)

type ReadOptions = Parameters<typeof CallHandshake.readM1>[1]

/** Bob reads an M1 of alice's. */
export const read = (m1: Uint8Array, options: Partial<ReadOptions> = {}) =>
  CallHandshake.readM1(
    primitives,
    { ...judgement, self: bob, callId: callerEntropy().callId, callerHash: hashOf(alice), ...options },
    m1,
  )

/** Why bob does not take it, or that he does. */
export const refusalOf = (m1: Uint8Array, options: Partial<ReadOptions> = {}): string =>
  Result.match(read(m1, options), {
    onFailure: (refusal) => (refusal._tag === "CertificateInvalid" ? refusal.reason : refusal._tag),
    onSuccess: () => "counts",
  })

export const answer = (m1: Uint8Array, options: Partial<ReadOptions> = {}, psk?: Uint8Array) => {
  const answered = CallHandshake.answer(primitives, Result.getOrThrow(read(m1, options)), psk, calleeEntropy())
  assert(answered !== undefined, "M2 can be made")
  return answered
}

/** A whole call of alice to bob. */
export const handshake = (options: Partial<InitiateOptions> = {}) => {
  const { state, m1 } = initiate(options)
  const { m2, keys: bobs } = answer(m1, { callId: state.callId }, options.invitation?.psk)
  const alices = CallHandshake.readM2(primitives, state, m2, judgement)
  assert(alices !== undefined, "M2 opens")
  return { state, m1, m2, alices, bobs }
}

/** What must be the same on both sides, as seen from the initiator's. */
export const shared = (keys: ChatKeys) => {
  const way = <A>({ send, receive }: { readonly send: A; readonly receive: A }) =>
    keys.isInitiator ? { i2r: send, r2i: receive } : { i2r: receive, r2i: send }
  const { callId, h, exporter, sas } = keys
  return { callId, h, exporter, sas, link: way(keys.link), record: way(keys.record), index: way(keys.index) }
}
