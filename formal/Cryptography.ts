/**
 * The cryptography of nomitm/1 as terms, and what the attacker can do with it.
 *
 * The attacker is the network and the server, and every user but Alice and Bob. It hears everything, makes up what it
 * likes, hands it to whom it likes, in as many sessions as it likes; but it can't undo cryptography. Two facts say what
 * it knows: `now(X)` while people talk, `later(X)` when all is over and it can but compute on what it has recorded.
 *
 * Where the model had to choose, it errs in the attacker's favour: every public key, id, ML-KEM key, ciphertext, hash and
 * invitation's id that there could be is known to it, whether anybody made it or not, and so are names and padding.
 */
import { type Equation, type Fact, type Rule, symbol, type Term } from "./Clause.ts"

export const now: (term: Term) => Fact = symbol("now", 1)
export const later: (term: Term) => Fact = symbol("later", 1)

/** Where there is nothing: the psk's invitation without one, ML-KEM's secret in a mutant without it. */
export const nothing: Term = "nothing"

/** The seeds of the attacker's people: as many as it likes. */
export const others = symbol("others", 1)

/** X25519: the public key of a secret, and the shared secret of two secrets. */
export const publicKey = symbol("public_key", 1)
export const dh = symbol("dh", 2)

/**
 * A person is a seed: `alice` is Alice's. It is known by its id, its static key's secret is derived from it, and
 * `certificate(seed,static key)` is what only the seed can sign (PROTOCOL.md, section 12).
 */
export const id = symbol("id", 1)
export const staticSecret = symbol("static_secret", 1)
export const certificate = symbol("certificate", 2)

/** ML-KEM: the public key of a secret one; ciphertext and shared secret, of a public key and the sender's chance. */
export const kemKey = symbol("kem_key", 1)
export const kemCiphertext = symbol("kem_ciphertext", 2)
export const kemSecret = symbol("kem_secret", 2)

/** Noise: MixKey into the chaining key, MixHash into the hash, the cipher's key; and sealing with associated data. */
export const mixKey = symbol("mix_key", 2)
export const mixHash = symbol("mix_hash", 2)
export const cipherKey = symbol("cipher_key", 1)
export const sealed = symbol("sealed", 3)

/** `root = HKDF(h, ck | K)`, and its keys by their labels (PROTOCOL.md, section 15). */
export const root = symbol("root", 3)
export const key = symbol("key", 2)

/** An invitation is a secret; `nothing` is none, and its psk the zeros that everybody knows (section 15.1). */
export const inviteId = symbol("invite_id", 1)
export const psk = symbol("psk", 1)

/** What stands in the payloads. */
export const payload1 = symbol("payload_1", 4)
export const payload2 = symbol("payload_2", 3)
export const payload3 = symbol("payload_3", 2)

/** Noise's hash of some values, one after the other. */
export const hash = (first: Term, ...rest: ReadonlyArray<Term>): Term =>
  rest.reduce((h, term) => mixHash(h, term), first)

/** Noise's chaining key after some values, one after the other. */
export const chain = (first: Term, ...rest: ReadonlyArray<Term>): Term =>
  rest.reduce((ck, term) => mixKey(ck, term), first)

export const equations: ReadonlyArray<Equation> = [
  { why: "Diffie-Hellman: both sides get the same.", left: dh("X", "Y"), right: dh("Y", "X") },
]

type Knows = (term: Term) => Fact

const open = (knows: Knows, why: string, then: Term): Rule => ({ why, if: [], then: knows(then) })
const make = (knows: Knows, why: string, from: ReadonlyArray<Term>, then: Term): Rule => ({
  why,
  if: from.map((term) => knows(term)),
  then: knows(then),
})

/** What is to be known without any secret. */
const known: ReadonlyArray<readonly [why: string, then: Term]> = [
  ...[
    "noise_ik_psk2",
    "noise_xx",
    "link_i2r",
    "link_r2i",
    "record_i2r",
    "record_r2i",
    "confirm",
    "accept",
    nothing,
  ].map((name) => ["A constant of the protocol.", name] as const),
  ["Public keys are no secret.", publicKey("X")],
  ["ML-KEM's public keys are no secret.", kemKey("X")],
  ["Seeds of the attacker's own people.", others("N")],
]

/** Keys from what they are made of. */
const keys: ReadonlyArray<readonly [why: string, from: ReadonlyArray<Term>, then: Term]> = [
  ["Who has a seed has its static secret.", ["Seed"], staticSecret("Seed")],
  ["Diffie-Hellman takes one secret: the other side's key is public.", ["X"], dh("X", "Y")],
  [
    "ML-KEM: who has the secret key has the shared secret, for ciphertexts are public.",
    ["X"],
    kemSecret(kemKey("X"), "Y"),
  ],
  ["ML-KEM: who made the ciphertext has the shared secret.", ["X", "Y"], kemSecret("X", "Y")],
  ["An invitation's psk.", ["X"], psk("X")],
  ["MixKey.", ["Ck", "X"], mixKey("Ck", "X")],
  ["The cipher's key.", ["Ck"], cipherKey("Ck")],
  ["The root; hashes are no secret.", ["Ck", "K"], root("H", "Ck", "K")],
  ["A key of the root.", ["Root", "Label"], key("Root", "Label")],
  ["Opening.", [sealed("Key", "Data", "X"), "Key"], "X"],
]

/** What is sent; ids, ML-KEM's ciphertexts, names and all else that stands in clear or hides nothing is no premise. */
const messages: ReadonlyArray<readonly [why: string, from: ReadonlyArray<Term>, then: Term]> = [
  ["Who has a seed signs any static key with it.", ["Seed"], certificate("Seed", "Key")],
  ["A payload around a certificate.", ["X"], payload1("X", "KemKey", "InviteId", "Rest")],
  ["A payload around a certificate.", ["X"], payload2("X", "Ciphertext", "Rest")],
  ["A payload around a certificate.", ["X"], payload3("X", "Rest")],
  ["Sealing needs the key; associated data are no secret.", ["Key", "X"], sealed("Key", "Data", "X")],
]

/** What the attacker can do while people talk: compute, make up messages, open others. */
export const attacker: ReadonlyArray<Rule> = [
  ...known.map((it) => open(now, ...it)),
  ...[...keys, ...messages].map((it) => make(now, ...it)),
]

/** What it can do when all is over: compute keys, and open what it has recorded. */
export const attackerLater: ReadonlyArray<Rule> = [
  { why: "What was known, and all that was sent, is recorded.", if: [now("X")], then: later("X") },
  ...keys.map((it) => make(later, ...it)),
]

export const honest: (seed: Term) => Fact = symbol("honest", 1)

/** Alice and Bob are honest, and their certificates known; all else that signs is the attacker's. */
export const people: ReadonlyArray<Rule> = ["alice", "bob"].flatMap((seed) => [
  { why: "An honest person.", if: [], then: honest(seed) },
  {
    why: "LOOKUP gives the certificate to everybody.",
    if: [],
    then: now(certificate(seed, publicKey(staticSecret(seed)))),
  },
])
