/**
 * The handshake without a server, as PROTOCOL.md's section 15.2 has it: `Noise_XX` with ML-KEM. Who it is that answers
 * at an address is learnt from the handshake; an id typed with the address is compared with what came.
 *
 * ```
 *  initiator                                                 responder
 *                ── XX1  e                ML-KEM key ───────▶
 *                ◀─ XX2  e, ee, s, es     payload_2 ─────────
 *  met_responder ── XX3  s, se            payload_3 ────────▶  met_initiator
 *                ── words ──────────────────────────────────▶
 *                ◀─ answer ──────────────────────────────────
 * ```
 *
 * The words and the variables are those of `Handshake.ts`; `InitiatorNonce` and `ResponderNonce` are those of CONNECT.
 * XX1 is in clear: whatever came for it, the responder answers. `s`, sealed by itself in XX2 and XX3, stands in the
 * certificate of the payload, under the same key or a later one.
 */
import { type Fact, type Rule, symbol, type Term } from "./Clause.ts"
import {
  certificate,
  chain,
  cipherKey,
  dh,
  hash,
  honest,
  kemCiphertext,
  kemKey,
  kemSecret,
  key,
  nothing,
  now,
  others,
  payload2,
  payload3,
  publicKey,
  root,
  sealed,
  staticSecret,
} from "./Cryptography.ts"
import { answer, words } from "./Handshake.ts"

/** What a mutant of the handshake lacks. */
export type Part = "ee" | "es" | "se" | "ML-KEM"

/** Whether an honest person sends a message: see `always` and `withheld`. */
export const sends = {
  /** The responder, and the nonces: it doesn't know yet to whom. */
  xx2: symbol("sends_xx2", 3),
  /** The initiator, the responder, and the nonces. */
  xx3: symbol("sends_xx3", 4),
}

/** The initiator, the nonces, the responder, its key, its ephemeral key, its chance. */
export const metResponder = symbol("met_responder", 7)
/** The responder, the nonces, the initiator's ephemeral and ML-KEM key, the initiator, its key. */
export const metInitiator = symbol("met_initiator", 7)

/** The handshake as one side sees it. */
interface View {
  readonly e1: Term
  readonly kemKey: Term
  readonly e2: Term
  readonly responder: Term
  readonly payload2: Term
  readonly initiator: Term
  readonly payload3: Term
  readonly ee: Term
  readonly es: Term
  readonly se: Term
  readonly kemSecret: Term
}

const messages = (view: View, without: ReadonlySet<Part>) => {
  const token = (name: "ee" | "es" | "se"): ReadonlyArray<Term> => (without.has(name) ? [] : [view[name]])

  // prologue = "nomitm/1 direct" | initiator's nonce | responder's nonce
  const prologue = hash("InitiatorNonce", "ResponderNonce")
  const h1 = hash(prologue, view.e1, view.kemKey, view.e2, view.responder)
  const ck2 = chain("noise_xx", ...token("ee"), ...token("es"))
  const h2 = hash(h1, view.payload2, view.initiator)
  const ck3 = chain(ck2, ...token("se"))
  const h3 = hash(h2, view.payload3)

  const theRoot = root(h3, ck3, without.has("ML-KEM") ? nothing : view.kemSecret)
  return {
    xx2: sealed(cipherKey(ck2), h1, view.payload2),
    xx3: sealed(cipherKey(ck3), h2, view.payload3),
    record: {
      i2r: (body: Term): Term => sealed(key(theRoot, "record_i2r"), "header", body),
      r2i: (body: Term): Term => sealed(key(theRoot, "record_r2i"), "header", body),
    },
  }
}

const initiator = (without: ReadonlySet<Part>): ReadonlyArray<Rule> => {
  // Drawn for this handshake: no other has them.
  const run = ["Initiator", "InitiatorNonce", "ResponderNonce"] as const
  const e1 = symbol("e1", 3)(...run)
  const kem = symbol("kem", 3)(...run)
  const own = staticSecret("Initiator")

  const { xx2, xx3, record } = messages(
    {
      e1: publicKey(e1),
      kemKey: kemKey(kem),
      e2: publicKey("E2"),
      responder: publicKey("ResponderKey"),
      payload2: payload2(
        certificate("Responder", publicKey("ResponderKey")),
        kemCiphertext(kemKey(kem), "Chance"),
        "Rest2",
      ),
      initiator: publicKey(own),
      payload3: payload3(certificate("Initiator", publicKey(own)), "Rest3"),
      ee: dh(e1, "E2"),
      es: dh(e1, "ResponderKey"),
      se: dh(own, "E2"),
      kemSecret: kemSecret(kemKey(kem), "Chance"),
    },
    without,
  )
  const met = metResponder(...run, "Responder", "ResponderKey", "E2", "Chance")
  return [
    {
      why: "XX2 opens, and its certificate is one of the responder's id and the static key received.",
      if: [honest("Initiator"), now(xx2)],
      then: met,
    },
    {
      why: "XX3: s, se; payload: certificate, name.",
      if: [met, sends.xx3("Initiator", "Responder", "InitiatorNonce", "ResponderNonce")],
      then: now(xx3),
    },
    {
      why: "The initiator's first record.",
      if: [met],
      then: now(record.i2r(words("Initiator", "Responder", nothing))),
    },
  ]
}

const responder = (without: ReadonlySet<Part>): ReadonlyArray<Rule> => {
  // Drawn for this handshake: no other has them.
  const run = ["Responder", "InitiatorNonce", "ResponderNonce", "E1", "KemKey"] as const
  const e2 = symbol("e2", 5)(...run)
  const chance = symbol("chance", 5)(...run)
  const own = staticSecret("Responder")

  const { xx2, xx3, record } = messages(
    {
      e1: publicKey("E1"),
      kemKey: "KemKey",
      e2: publicKey(e2),
      responder: publicKey(own),
      payload2: payload2(certificate("Responder", publicKey(own)), kemCiphertext("KemKey", chance), "Rest2"),
      initiator: publicKey("InitiatorKey"),
      payload3: payload3(certificate("Initiator", publicKey("InitiatorKey")), "Rest3"),
      ee: dh("E1", e2),
      es: dh("E1", own),
      se: dh("InitiatorKey", e2),
      kemSecret: kemSecret("KemKey", chance),
    },
    without,
  )
  const met = metInitiator(...run, "Initiator", "InitiatorKey")
  return [
    {
      why: "XX2: e, ee, s, es; payload: certificate, ML-KEM ciphertext, name.",
      if: [honest("Responder"), sends.xx2("Responder", "InitiatorNonce", "ResponderNonce")],
      then: now(xx2),
    },
    {
      why: "XX3 opens, and its certificate is one of the initiator's id and the static key received.",
      if: [honest("Responder"), now(xx3)],
      then: met,
    },
    {
      why: "The responder's first record.",
      if: [met],
      then: now(record.r2i(answer("Responder", "Initiator", nothing))),
    },
  ]
}

/** What honest people do and come to, in a handshake that lacks some parts. */
export const direct = (without: ReadonlySet<Part>): ReadonlyArray<Rule> => [
  ...initiator(without),
  ...responder(without),
]

/** All messages are sent whenever they can be. */
export const always = {
  xx2: [{ why: "Responders answer.", if: [], then: sends.xx2("Responder", "InitiatorNonce", "ResponderNonce") }],
  xx3: [
    { why: "Initiators go on.", if: [], then: sends.xx3("Initiator", "Responder", "InitiatorNonce", "ResponderNonce") },
  ],
} satisfies Record<keyof typeof sends, ReadonlyArray<Rule>>

/** What an answer has to agree on with who gave it. */
export type Agreement = "people" | "nonces"

/**
 * As `Handshake.withheld`, of Bob's XX2 and of Alice's XX3. With `people`, Bob sends no XX2 at all, for he sends it before
 * he knows to whom; Alice sends XX3 to all but Bob.
 */
export const withheld = (message: keyof typeof sends, agreement: Agreement): ReadonlyArray<Rule> => {
  const rule = (why: string, then: Fact): Rule => ({ why, if: [], then })
  const elsewhere = agreement === "nonces" ? [["other(N)", "ResponderNonce"] as const] : []
  if (message === "xx2") {
    return [
      rule("Alice answers.", sends.xx2("alice", "InitiatorNonce", "ResponderNonce")),
      ...elsewhere.map((nonces) => rule("Bob answers in other handshakes.", sends.xx2("bob", ...nonces))),
    ]
  }
  return [
    rule("Bob goes on with everybody.", sends.xx3("bob", "Other", "InitiatorNonce", "ResponderNonce")),
    rule("Alice goes on with herself.", sends.xx3("alice", "alice", "InitiatorNonce", "ResponderNonce")),
    rule(
      "Alice goes on with the attacker's people.",
      sends.xx3("alice", others("N"), "InitiatorNonce", "ResponderNonce"),
    ),
    ...elsewhere.map((nonces) =>
      rule("Alice goes on with Bob in other handshakes.", sends.xx3("alice", "bob", ...nonces)),
    ),
  ]
}
