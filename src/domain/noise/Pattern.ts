/**
 * The handshake patterns of the Noise Protocol Framework, revision 34, as data (sections 7, 9 and 18.1).
 *
 * `nomitm/1` uses IKpsk2 and XX; the others are here because the public test vectors are of all of them.
 */

/** What a message carries or mixes in: keys (`e`, `s`), Diffie-Hellman results, a pre-shared key. */
export type Token = "e" | "s" | "ee" | "es" | "se" | "ss" | "psk"

export interface Pattern {
  /** As in the protocol's name: `IKpsk2`. */
  readonly name: string
  /** Who has a static key that the other knows beforehand. */
  readonly known: { readonly initiator: boolean; readonly responder: boolean }
  /** The messages in turn, the first one the initiator's. */
  readonly messages: ReadonlyArray<ReadonlyArray<Token>>
  /** A pre-shared key is mixed in: then the ephemeral keys are as well. */
  readonly psk: boolean
}

/** The first letter is the initiator's static key, the second the responder's; N, K and X alone are one-way. */
const basic = {
  N: "e es",
  K: "e es ss",
  X: "e es s ss",

  NN: "e, e ee",
  NK: "e es, e ee",
  NX: "e, e ee s es",
  KN: "e, e ee se",
  KK: "e es ss, e ee se",
  KX: "e, e ee se s es",
  XN: "e, e ee, s se",
  XK: "e es, e ee, s se",
  XX: "e, e ee s es, s se",
  IN: "e s, e ee se",
  IK: "e es s ss, e ee se",
  IX: "e s, e ee se s es",

  // Deferred: the Diffie-Hellman that authenticates a side comes one message later (1).
  NK1: "e, e ee es",
  NX1: "e, e ee s, es",
  X1N: "e, e ee, s, se",
  X1K: "e es, e ee, s, se",
  XK1: "e, e ee es, s se",
  X1K1: "e, e ee es, s, se",
  X1X: "e, e ee s es, s, se",
  XX1: "e, e ee s, es s se",
  X1X1: "e, e ee s, es s, se",
  K1N: "e, e ee, se",
  K1K: "e es, e ee, se",
  KK1: "e, e ee se es",
  K1K1: "e, e ee es, se",
  K1X: "e, e ee s es, se",
  KX1: "e, e ee se s, es",
  K1X1: "e, e ee s, se es",
  I1N: "e s, e ee, se",
  I1K: "e es s, e ee, se",
  IK1: "e s, e ee se es",
  I1K1: "e s, e ee es, se",
  I1X: "e s, e ee s es, se",
  IX1: "e s, e ee se s, es",
  I1X1: "e s, e ee s, se es",
} as const

type Basic = keyof typeof basic

/** `IK`, or with modifiers: `IKpsk2`, `XXpsk0+psk3`. */
export type Name = Basic | `${Basic}psk${string}`

const isBasic = (name: string): name is Basic => Object.hasOwn(basic, name)

const knownOf = (name: Basic): Pattern["known"] => {
  const [initiator, responder] = name.replaceAll("1", "")
  // A message that is sealed to somebody needs that one's key; who sends it may be known as well.
  if (responder === undefined) return { initiator: initiator === "K", responder: true }
  return { initiator: initiator === "K", responder: responder === "K" }
}

/** The pattern of that name; none if there is no such pattern, or it has no message for one of its modifiers. */
export const parse = (name: string): Pattern | undefined => {
  const [, base, modifiers] = /^([A-Z1]+)((?:psk\d(?:\+psk\d)*)?)$/.exec(name) ?? []
  if (base === undefined || modifiers === undefined || !isBasic(base)) return undefined
  const messages = basic[base].split(", ").map((tokens) => tokens.split(" ") as Array<Token>)
  let last = -1
  for (const modifier of modifiers === "" ? [] : modifiers.split("+")) {
    const place = Number(modifier.slice("psk".length))
    const message = messages[Math.max(place - 1, 0)]
    if (message === undefined || place <= last) return undefined
    last = place
    // psk0 stands before the first message's tokens, the others behind those of their message.
    if (place === 0) message.unshift("psk")
    else message.push("psk")
  }
  return { name, known: knownOf(base), messages, psk: modifiers !== "" }
}
