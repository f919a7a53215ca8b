/**
 * Identities, an invitation and three whole handshakes from fixed bytes, with every value on the way (PROTOCOL.md,
 * sections 12 to 15.1 and 15.4): what `nomitm1-handshake.json` says. All bytes are in hexadecimal.
 *
 * `node test/vectors/handshakeVector.ts` writes the file anew.
 */
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import * as Result from "effect/Result"
import * as CallHandshake from "../../src/domain/call/CallHandshake.ts"
import * as CallPayload from "../../src/domain/call/CallPayload.ts"
import * as ChatKeys from "../../src/domain/call/ChatKeys.ts"
import * as Invitation from "../../src/domain/call/Invitation.ts"
import * as LinkChannel from "../../src/domain/call/LinkChannel.ts"
import * as Fingerprint from "../../src/domain/identity/Fingerprint.ts"
import * as Identity from "../../src/domain/identity/Identity.ts"
import * as PersonId from "../../src/domain/identity/PersonId.ts"
import * as RegisterProof from "../../src/domain/identity/RegisterProof.ts"
import * as SafetyNumber from "../../src/domain/identity/SafetyNumber.ts"
import * as HandshakeState from "../../src/domain/noise/HandshakeState.ts"
import * as Who from "../../src/domain/nomitm1/Who.ts"
import type { PersonName } from "../../src/domain/PersonName.ts"
import { bytesOf, primitives } from "../domain/crypto/primitives.ts"

export const path = join(import.meta.dirname, "nomitm1-handshake.json")

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex")
const now = 1_800_000_000

const person = (name: string): CallHandshake.Self => ({
  name: name as PersonName,
  identity: Identity.fromSeed(primitives, bytesOf(`nomitm/1 vector ${name}`, 32), { now }),
})
const alice = person("alice")
const bob = person("bob")

const describePerson = ({ name, identity: { seed, id, staticSecret, certificate } }: CallHandshake.Self) => ({
  name,
  seed: hex(seed),
  id: hex(PersonId.toBytes(id)),
  idText: id,
  serial: certificate.serial,
  expiry: certificate.expiry,
  staticSecret: hex(staticSecret),
  staticKey: hex(certificate.staticKey),
  certificate: hex(certificate.encoded),
  fingerprint: Fingerprint.of(primitives, id),
})

const register = () => {
  const registration = {
    exporter: bytesOf("nomitm/1 vector exporter", 32),
    serverKey: bytesOf("nomitm/1 vector server key", 32),
    name: alice.name,
  }
  return {
    exporter: hex(registration.exporter),
    serverKey: hex(registration.serverKey),
    name: registration.name,
    message: hex(RegisterProof.message(registration)),
    signature: hex(RegisterProof.sign(primitives, alice.identity, registration)),
  }
}

const invitation: Invitation.Invitation = {
  host: "chat.example",
  port: 6969,
  serverKey: bytesOf("nomitm/1 vector server key", 32),
  id: bob.identity.id,
  secret: bytesOf("nomitm/1 vector invitation", 16),
  expiry: now + 86_400,
}
const inviteId = Invitation.inviteId(primitives, invitation.secret)
const psk = Invitation.psk(primitives, invitation.secret)

const must = <A>(value: A | undefined): A => {
  if (value === undefined) throw new Error("The handshake did not come up")
  return value
}

/** A call that has no more to it than who is called, one with the invitation, or one with which a chat goes on. */
const handshake = (
  label: string,
  dialled: Who.Who,
  { invited = false, resumes }: { readonly invited?: boolean; readonly resumes?: Uint8Array } = {},
) => {
  const draw = (what: string, length: number) => bytesOf(`nomitm/1 vector ${label} ${what}`, length)
  const callId = draw("callId", 16)
  const caller = { callId, ephemeral: draw("caller ephemeral", 32), kemSeed: draw("ML-KEM seed", 64) }
  const callee = { ephemeral: draw("callee ephemeral", 32), kemEntropy: draw("ML-KEM entropy", 32) }
  const [aliceHash, bobHash] = [alice, bob].map(({ identity }) => PersonId.hash(primitives, identity.id))
  const judgement = { now, highestSerial: () => undefined }
  const { state, m1 } = must(
    CallHandshake.initiate(primitives, {
      self: alice,
      callee: bob.identity.certificate,
      dialled,
      invitation: invited ? { inviteId, psk } : undefined,
      resumes,
      entropy: caller,
    }),
  )
  const read = Result.getOrThrow(
    CallHandshake.readM1(primitives, { ...judgement, self: bob, callId, callerHash: aliceHash! }, m1),
  )
  const { m2, keys: bobs } = must(CallHandshake.answer(primitives, read, invited ? psk : undefined, callee))
  const alices = must(CallHandshake.readM2(primitives, state, m2, judgement))

  const { state: complete, payload: m2Payload } = must(HandshakeState.read(state.noise, m2))
  const { kemCiphertext } = must(CallPayload.decodeM2(m2Payload))
  const kemSecret = must(primitives.mlKem768.decapsulate(caller.kemSeed, kemCiphertext))
  const m3 = must(LinkChannel.seal(primitives, LinkChannel.make(alices), LinkChannel.confirm)).data
  const m4 = must(LinkChannel.seal(primitives, LinkChannel.make(bobs), LinkChannel.accept)).data
  const index = (value: number) => value.toString(16).padStart(8, "0")
  return {
    callId: hex(callId),
    callerHash: hex(aliceHash!),
    calleeHash: hex(bobHash!),
    dialled: Who.encode(dialled),
    inviteId: invited ? hex(inviteId) : null,
    resumes: resumes === undefined ? null : hex(resumes),
    psk: hex(invited ? psk : new Uint8Array(32)),
    callerEphemeral: hex(caller.ephemeral),
    callerKemSeed: hex(caller.kemSeed),
    calleeEphemeral: hex(callee.ephemeral),
    calleeKemEntropy: hex(callee.kemEntropy),
    m1Payload: hex(
      CallPayload.encodeM1({
        certificate: alice.identity.certificate.encoded,
        kemPublicKey: primitives.mlKem768.publicKey(caller.kemSeed),
        inviteId: invited ? inviteId : undefined,
        resumes,
        name: alice.name,
        dialled,
      }),
    ),
    m1: hex(m1),
    m2Payload: hex(m2Payload),
    m2: hex(m2),
    h: hex(alices.h),
    ck: hex(complete.chainingKey),
    kemSecret: hex(kemSecret),
    root: hex(ChatKeys.root(primitives, { h: alices.h, ck: complete.chainingKey, kemSecret })),
    linkI2r: hex(alices.link.send),
    linkR2i: hex(alices.link.receive),
    recordI2r: hex(alices.record.send),
    recordR2i: hex(alices.record.receive),
    indexI2r: index(alices.index.send),
    indexR2i: index(alices.index.receive),
    exporter: hex(alices.exporter),
    sas: hex(alices.sas),
    m3: hex(m3),
    m4: hex(m4),
  }
}

export const make = () => ({
  source:
    "Made by this project from SHA-256 of labels, and computed a second time with none of its code in nomitm1-handshake.steps.test.ts.",
  now,
  alice: describePerson(alice),
  bob: describePerson(bob),
  safetyNumber: SafetyNumber.of(primitives, alice.identity.id, bob.identity.id),
  register: register(),
  invitation: {
    host: invitation.host,
    port: invitation.port,
    serverKey: hex(invitation.serverKey!),
    inviter: hex(PersonId.toBytes(invitation.id)),
    secret: hex(invitation.secret),
    expiry: invitation.expiry,
    link: Invitation.format(invitation),
    inviteId: hex(inviteId),
    psk: hex(psk),
  },
  /** Alice calls bob. */
  handshake: handshake("call", Who.byName(bob.name)),
  /** The same with the invitation. */
  invitedHandshake: handshake("invited call", Who.byId(bob.identity.id), { invited: true }),
  /** Alice calls bob once more, and the chat of the first call goes on. */
  resumingHandshake: handshake("resuming call", Who.byId(bob.identity.id), {
    resumes: bytesOf("nomitm/1 vector call callId", 16),
  }),
})

if (import.meta.main) writeFileSync(path, `${JSON.stringify(make(), null, 2)}\n`)
