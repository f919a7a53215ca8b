/**
 * The handshake through the server, M1 to M4, as PROTOCOL.md's section 15 has it: `Noise_IKpsk2` with ML-KEM, then two
 * link messages, then the first record of each side.
 *
 * ```
 *  caller                                                       callee
 *  called         ── M1  e, es, s, ss      payload_1 ─────────▶
 *                 ◀─ M2  e, ee, se, psk    payload_2 ──────────  answered
 *  knows_callee   ── M3  confirm ──────────────────────────────▶ rings
 *  in_chat        ◀─ M4  accept ───────────────────────────────
 *                 ── words ────────────────────────────────────▶
 *                 ◀─ answer ───────────────────────────────────
 * ```
 *
 * Alice and Bob both call and are called, by each other, by the attacker, and by themselves. What is written beside the
 * line above is what a side has come to, with all it has seen: `rings(bob,alice,…)` is that Bob's program rings for Alice.
 * A capital letter begins a variable: `Caller`, `Callee`, `Invitation`, `CallId`; `CallerKey`, `CalleeKey`, `E1`, `E2` are
 * the secrets that belong to the public keys seen; `Rest1` and `Rest2` are all other bytes of the payloads: version, names.
 *
 * M1's `s`, sealed under `es` alone, is not a message of its own here: its key stands in the certificate of the payload,
 * and who can seal the payload, under `es` and `ss`, can seal `s`.
 */
import type { Fact, Rule, Term } from "./Clause.ts"
import { symbol } from "./Clause.ts"
import {
  certificate,
  chain,
  cipherKey,
  dh,
  hash,
  honest,
  id,
  inviteId,
  kemCiphertext,
  kemKey,
  kemSecret,
  key,
  nothing,
  now,
  others,
  payload1,
  payload2,
  psk,
  publicKey,
  root,
  sealed,
  staticSecret,
} from "./Cryptography.ts"

/** What a mutant of the handshake lacks. */
export type Part =
  | "es"
  | "ss"
  | "ee"
  | "se"
  | "psk"
  | "ML-KEM"
  /** The ids in the prologue. */
  | "ids in the prologue"
  /** The certificates in M1 and M2; those of LOOKUP stay. */
  | "certificates in the payloads"
  | "certificates' signatures"
  /** Noise's h, as associated data of M2 and as salt of the root. */
  | "h"
  | "M3"
  /** The refusal of an invitation that the callee doesn't know: zeros stand in for its psk. */
  | "the refusal of unknown invitations"

/** Whether an honest person sends a message: see `always` and `withheld`. */
export const sends = {
  /** Caller, callee, callId, other bytes of M1. */
  m1: symbol("sends_m1", 4),
  /** Callee, caller, callId, other bytes of M1 and of M2. M3: caller, callee, …; M4: callee, caller, …. */
  m2: symbol("sends_m2", 5),
  m3: symbol("sends_m3", 5),
  m4: symbol("sends_m4", 5),
}

// What an honest person has come to: who it is, whom it talks to, the invitation, callId, and what else it has seen.
const called = symbol("called", 6)
export const knowsCallee = symbol("knows_callee", 9)
export const inChat = symbol("in_chat", 9)
export const answered = symbol("answered", 8)
export const rings = symbol("rings", 9)

/** The first record of each side: who says it, to whom as it believes, and with which invitation. */
export const words = symbol("words", 3)
export const answer = symbol("answer", 3)

const uses = symbol("uses", 2)
const issued = symbol("issued", 2)

/** The handshake as one side sees it. */
interface View {
  readonly callerId: Term
  readonly calleeId: Term
  readonly calleeStatic: Term
  readonly e1: Term
  readonly payload1: Term
  readonly e2: Term
  readonly payload2: Term
  readonly es: Term
  readonly ss: Term
  readonly ee: Term
  readonly se: Term
  readonly psk: Term
  readonly kemSecret: Term
}

/** The messages, and the keys of the records, as that side computes them. */
const messages = (view: View, without: ReadonlySet<Part>) => {
  const withIds = !without.has("ids in the prologue")
  const token = (name: "es" | "ss" | "ee" | "se" | "psk"): ReadonlyArray<Term> =>
    without.has(name) ? [] : [view[name]]
  const binding = (h: Term): Term => (without.has("h") ? nothing : h)

  // prologue = "nomitm/1" | callId | SHA-256(caller id) | SHA-256(callee id), then the callee's static key
  const prologue = hash("CallId", ...(withIds ? [view.callerId, view.calleeId] : []))
  const hE1 = hash(prologue, view.calleeStatic, view.e1)
  const ck1 = chain("noise_ik_psk2", ...token("es"), ...token("ss"))
  const hM1 = hash(hE1, view.payload1)

  const hE2 = hash(hM1, view.e2)
  const ck2 = chain(ck1, ...token("ee"), ...token("se"), ...token("psk"))
  const hM2 = hash(hE2, view.payload2)

  const theRoot = root(binding(hM2), ck2, without.has("ML-KEM") ? nothing : view.kemSecret)
  return {
    m1: sealed(cipherKey(ck1), binding(hE1), view.payload1),
    m2: sealed(cipherKey(ck2), binding(hE2), view.payload2),
    m3: sealed(key(theRoot, "link_i2r"), "CallId", "confirm"),
    m4: sealed(key(theRoot, "link_r2i"), "CallId", "accept"),
    record: {
      i2r: (body: Term): Term => sealed(key(theRoot, "record_i2r"), "header", body),
      r2i: (body: Term): Term => sealed(key(theRoot, "record_r2i"), "header", body),
    },
  }
}

const caller = (without: ReadonlySet<Part>): ReadonlyArray<Rule> => {
  // Drawn for this call: no other has them.
  const run = ["Caller", "Callee", "Invitation", "CallId", "Rest1"] as const
  const e1 = symbol("e1", 5)(...run)
  const kem = symbol("kem", 5)(...run)
  const own = staticSecret("Caller")

  const calleeCertificate = certificate("Callee", publicKey("CalleeKey"))
  const inPayload = (term: Term): Term => (without.has("certificates in the payloads") ? nothing : term)
  const { m1, m2, m3, m4, record } = messages(
    {
      callerId: id("Caller"),
      calleeId: id("Callee"),
      calleeStatic: publicKey("CalleeKey"),
      e1: publicKey(e1),
      payload1: payload1(
        inPayload(certificate("Caller", publicKey(own))),
        kemKey(kem),
        inviteId("Invitation"),
        "Rest1",
      ),
      e2: publicKey("E2"),
      // The caller takes M2 only with the certificate it knows from LOOKUP.
      payload2: payload2(inPayload(calleeCertificate), kemCiphertext(kemKey(kem), "Chance"), "Rest2"),
      es: dh(e1, "CalleeKey"),
      ss: dh(own, "CalleeKey"),
      ee: dh(e1, "E2"),
      se: dh(own, "E2"),
      psk: psk("Invitation"),
      kemSecret: kemSecret(kemKey(kem), "Chance"),
    },
    without,
  )
  const afterM1 = called(...run, "CalleeKey")
  const seen = [...run, "CalleeKey", "E2", "Chance", "Rest2"] as const
  return [
    {
      why: "LOOKUP: the caller has a certificate of the id it wants, from the server, and checks its signature.",
      if: [honest("Caller"), uses("Caller", "Invitation"), now(calleeCertificate)],
      then: afterM1,
    },
    {
      why: "M1: e, es, s, ss; payload: certificate, ML-KEM key, inviteId, names.",
      if: [afterM1, sends.m1("Caller", "Callee", "CallId", "Rest1")],
      then: now(m1),
    },
    {
      why: "M2 opens, and has the certificate of the id and the static key that were called: the caller knows the callee.",
      if: [afterM1, now(m2)],
      then: knowsCallee(...seen),
    },
    {
      why: "M3: confirm.",
      if: [knowsCallee(...seen), sends.m3("Caller", "Callee", "CallId", "Rest1", "Rest2")],
      then: now(m3),
    },
    { why: "M4 opens: the chat begins.", if: [knowsCallee(...seen), now(m4)], then: inChat(...seen) },
    {
      why: "The caller's first record.",
      if: [inChat(...seen)],
      then: now(record.i2r(words("Caller", "Callee", "Invitation"))),
    },
  ]
}

const callee = (without: ReadonlySet<Part>): ReadonlyArray<Rule> => {
  const run = ["Callee", "Caller", "Invitation", "CallId", "CallerKey", "E1", "KemKey", "Rest1"] as const
  // Drawn for this answer: no other has them.
  const e2 = symbol("e2", 8)(...run)
  const chance = symbol("chance", 8)(...run)
  const own = staticSecret("Callee")

  const callerCertificate = certificate("Caller", publicKey("CallerKey"))
  const unsealed = without.has("certificates in the payloads")
  const inPayload = (term: Term): Term => (unsealed ? nothing : term)
  const view = {
    callerId: id("Caller"),
    calleeId: id("Callee"),
    calleeStatic: publicKey(own),
    e1: publicKey("E1"),
    payload1: payload1(inPayload(callerCertificate), "KemKey", inviteId("Invitation"), "Rest1"),
    e2: publicKey(e2),
    payload2: payload2(inPayload(certificate("Callee", publicKey(own))), kemCiphertext("KemKey", chance), "Rest2"),
    es: dh("E1", own),
    ss: dh("CallerKey", own),
    ee: dh("E1", e2),
    se: dh("CallerKey", e2),
    psk: psk(without.has("the refusal of unknown invitations") ? nothing : "Invitation"),
    kemSecret: kemSecret("KemKey", chance),
  }
  const { m1, m2, m3, m4, record } = messages(view, without)
  const afterM1 = answered(...run)
  const afterM3 = rings(...run, "Rest2")
  const run2 = ["Callee", "Caller", "CallId", "Rest1", "Rest2"] as const
  return [
    {
      why: "M1 opens, and its certificate is one of the caller's id and the static key received: the callee answers.",
      if: [honest("Callee"), issued("Callee", "Invitation"), now(m1), ...(unsealed ? [now(callerCertificate)] : [])],
      then: afterM1,
    },
    {
      why: "M2: e, ee, se, psk; payload: certificate, ML-KEM ciphertext, name.",
      if: [afterM1, sends.m2(...run2)],
      then: now(m2),
    },
    {
      why: without.has("M3") ? "M1 alone makes the callee ring." : "M3 opens: the callee rings.",
      if: [afterM1, ...(without.has("M3") ? [] : [now(m3)])],
      then: afterM3,
    },
    { why: "M4: accept.", if: [afterM3, sends.m4(...run2)], then: now(m4) },
    {
      why: "The callee's first record.",
      if: [afterM3],
      then: now(record.r2i(answer("Callee", "Caller", "Invitation"))),
    },
  ]
}

/** `link` is an invitation that Bob gave to Alice; `known_link` one that he gave to the attacker. */
const invitations: ReadonlyArray<Rule> = [
  { why: "A call without an invitation.", if: [], then: uses("Caller", nothing) },
  { why: "Alice has a link of Bob's.", if: [], then: uses("alice", "link") },
  { why: "The attacker invites people too.", if: [now("Invitation")], then: uses("Caller", "Invitation") },
  { why: "A callee takes calls without an invitation.", if: [], then: issued("Callee", nothing) },
  { why: "Bob gave Alice a link.", if: [], then: issued("bob", "link") },
  { why: "Bob gave the attacker a link.", if: [], then: issued("bob", "known_link") },
  { why: "Bob gave the attacker a link.", if: [], then: now("known_link") },
]

const anyCertificate: Rule = {
  why: "No signature is checked: whatever looks like a certificate passes for one.",
  if: [],
  then: now(certificate("Seed", "Key")),
}

/** What honest people do and come to, in a handshake that lacks some parts. */
export const handshake = (without: ReadonlySet<Part>): ReadonlyArray<Rule> => [
  ...invitations,
  ...(without.has("certificates' signatures") ? [anyCertificate] : []),
  ...caller(without),
  ...callee(without),
]

/** All messages are sent whenever they can be. */
export const always = {
  m1: [{ why: "People call.", if: [], then: sends.m1("Caller", "Callee", "CallId", "Rest1") }],
  m2: [{ why: "Callees answer.", if: [], then: sends.m2("Callee", "Caller", "CallId", "Rest1", "Rest2") }],
  m3: [{ why: "Callers confirm.", if: [], then: sends.m3("Caller", "Callee", "CallId", "Rest1", "Rest2") }],
  m4: [{ why: "Callees accept.", if: [], then: sends.m4("Callee", "Caller", "CallId", "Rest1", "Rest2") }],
} satisfies Record<keyof typeof sends, ReadonlyArray<Rule>>

/** What an answer has to agree on with who gave it. */
export type Agreement = "people" | "callId" | "M1" | "M2"

/** What the call that a question is about has, and no other: see `withheld`. */
export const thisOne: Term = "this_one"

/**
 * One message is sent by everybody but its sender in the call that the question is about. If the other side comes to
 * take it all the same, it takes one that was sent for something else, or by somebody else.
 *
 * The sender sends it still to all but the one it should be for (`people`), or in all calls but the one with the
 * callId, or the other bytes of M1, or of M2, that the question is about.
 */
export const withheld = (message: keyof typeof sends, agreement: Agreement): ReadonlyArray<Rule> => {
  const [sender, receiver] = message === "m1" || message === "m3" ? ["alice", "bob"] : ["bob", "alice"]
  const send = (from: Term, to: Term, other: Term = ""): Fact => {
    const callId = agreement === "callId" && other !== "" ? other : "CallId"
    const rest1 = agreement === "M1" && other !== "" ? other : "Rest1"
    const rest2 = agreement === "M2" && other !== "" ? other : "Rest2"
    return message === "m1" ? sends.m1(from, to, callId, rest1) : sends[message](from, to, callId, rest1, rest2)
  }
  const rule = (why: string, then: Fact): Rule => ({ why, if: [], then })
  return [
    rule("The other side sends it to everybody.", send(receiver, "Other")),
    rule("The sender sends it to itself.", send(sender, sender)),
    rule("The sender sends it to the attacker's people.", send(sender, others("N"))),
    ...(agreement === "people"
      ? []
      : [rule("The sender sends it in other calls.", send(sender, receiver, "other(N)"))]),
  ]
}
