/**
 * What to tell a peer's user when something goes wrong: a code word for programs, what happened, what to do next.
 */
import type { Ending } from "../../domain/Conversation.ts"
import { formatHostPort } from "../../domain/Endpoint.ts"
import * as PrintableText from "../../domain/PrintableText.ts"
import { exitCodes, fromCode, make as problem, type Problem } from "../../domain/Problem.ts"
import type { Failure } from "../../domain/verify/ShortString.ts"
import type { SayError } from "../chat/ChatSession.ts"
import type { BindError, ResolveError } from "../PeerTransport.ts"
import type { LinkLost, Refused } from "../link/RendezvousClient.ts"
import type { ConnectError } from "../RendezvousTransport.ts"
import type { CallFailed, TurnedAway } from "../link/SealedLink.ts"

/** What the end of a chat means to a script. */
export const exitCodeOf = (reason: Ending): number =>
  reason === "unreachable"
    ? exitCodes.unreachable
    : ["timeout", "unverified", "forgotten", "protocol"].includes(reason)
      ? exitCodes.failure
      : exitCodes.ok

/** @param isDirect see `PeerWay` */
export const howToCallAgain = (peer: string, isDirect: boolean): string =>
  isDirect ? "Start nomitm again to talk to them." : `Type /chat ${peer} to call them.`

/** @param isDirect see `PeerWay` */
export const noChat = (isDirect: boolean): Problem =>
  problem(
    "No_chat",
    "You are in no chat.",
    isDirect ? "Start nomitm again to talk to somebody." : "Type /chat NAME to call somebody.",
  )

/** A text was typed, and there is nobody to send it to. */
export const nobodyToTell = (isDirect: boolean): Problem => ({
  ...noChat(isDirect),
  message: "You are in no chat, so this was not sent.",
})

/**
 * @param inChat with whom there is a chat, which is no call any more
 * @param isDirect see `PeerWay`
 */
export const noCall = (inChat: string | undefined, isDirect: boolean): Problem =>
  problem(
    "No_call",
    "There is no call of yours to give up.",
    inChat === undefined ? noChat(isDirect).hint : `Type /close to end the chat with ${inChat}.`,
  )

export const cancelled = (peer: string): Problem =>
  problem("Cancelled", `Your call to ${peer} was given up.`, `Type /chat ${peer} to call again.`)

export const needsKeys = problem(
  "Needs_keys",
  "In plaintext nobody proves who they are.",
  "Start again without --plaintext.",
)

export const contactsFull = problem(
  "Contacts_full",
  "There is no room for another contact: the key of this one is not remembered.",
  "Make room with nomitm contacts forget.",
)

/** There is no chat yet to end or to ask about. */
export const notAnswered = (peer: string): Problem =>
  problem("Already_calling", `Your call to ${peer} has not been answered yet.`, "Type /cancel to give it up.")

/** Both have said yes, and nothing was heard yet. */
export const notOpen = (peer: string): Problem =>
  problem("No_chat", `The chat with ${peer} has not begun yet.`, "Wait, or type /close to give it up.")

export const inChat = (peer: string): Problem =>
  problem("In_chat", `You are in a chat with ${peer}.`, "Type /close to end it first.")

export const noServer = problem("No_server", "You talk directly, without a server.", "Start again with --server HOST.")

export const offline = problem(
  "Offline",
  "The server is out of reach at the moment.",
  "It is being tried again; wait until you are online.",
  exitCodes.unreachable,
)

export const notOnlineYet = problem(
  "Offline",
  "The server has not answered yet.",
  "Wait until you are online, or type /quit.",
  exitCodes.unreachable,
)

export const serverLost = problem(
  "Server_lost",
  "The server is out of reach. A running chat goes on.",
  "It is being tried again.",
  exitCodes.unreachable,
)

/** @param isDirect see `PeerWay` */
export const nobodyCalls = (isDirect: boolean): Problem =>
  problem(
    "No_call",
    "Nobody is calling you.",
    isDirect ? "It rings when the other side is there." : "Wait for a call, or type /chat NAME.",
  )

/**
 * @param name who was to be answered, as typed
 * @param labels who calls
 */
export const notCalling = (name: string | undefined, labels: ReadonlyArray<string>, isDirect: boolean): Problem => {
  const none = nobodyCalls(isDirect)
  if (name === undefined || labels.length === 0) return none
  const nobody = `Nobody named ${name.slice(0, 40)} is calling you`
  return labels.length === 1
    ? { ...none, message: `${nobody}: ${labels[0]} is.`, hint: "Type /accept or /decline." }
    : {
        ...none,
        message: `${nobody}, but these are: ${labels.join(", ")}.`,
        hint: "Type /accept NAME or /decline NAME.",
      }
}

export const severalCall = (labels: ReadonlyArray<string>): Problem =>
  problem("Several_calls", `Several call you: ${labels.join(", ")}.`, "Say which one: /accept NAME or /decline NAME.")

/** Somebody called, and the call ended before it was taken. */
export const missed = (label: string, code: string): Problem =>
  problem(
    code,
    code === "Cancelled" ? `${label} gave up calling.` : `The call of ${label} is over: ${fromCode(code).message}`,
    `Type /chat ${label} to call back.`,
  )

export const lookalike = (label: string, contact: string): Problem =>
  problem(
    "Lookalike",
    `${label} is not your contact ${contact}, though it looks like that name.`,
    "Compare the key before you accept.",
  )

export const notALink = problem(
  "Invitation_invalid",
  "This is no invitation: it may have been cut off.",
  "Copy the whole link, from nomitm:// to its end.",
)

export const otherServer = (server: string): Problem =>
  problem(
    "Other_server",
    `The invitation is for another server, ${server}.`,
    "Quit, and start with nomitm peer NAME --join LINK.",
  )

export const notVerified = (why: Failure): Problem => {
  const { hint } = fromCode("Verification_failed")
  const message = `The verification by voice failed: ${failures[why]}.`
  return problem("Verification_failed", message, hint, exitCodes.authentication)
}

const failures: Record<Failure, string> = {
  no_answer: "the other side did not answer",
  aborted: "the other side broke it off",
  restarted: "the other side began another one before its end",
  mismatch: "the other side revealed something else than it had committed to",
  too_many_runs: "there were too many in this chat",
}

/** Nothing can be compared with somebody who does not answer, and that shall not look like an attack. */
export const notNow = (label: string): Problem =>
  problem("Out_of_reach", `${label} is out of reach at the moment.`, "Type /verify when they are back.")

export const nothingCompared = problem(
  "Nothing_compared",
  "Nothing has been compared in this chat.",
  "Type /verify, or /safety, and compare what you see by voice.",
)

export const denied = (label: string): Problem =>
  problem(
    "Verification_failed",
    `What you and ${label} see differs: somebody sits in between, or it is somebody else.`,
    "The chat is over. Meet in person, or use an invitation on a way that you trust.",
    exitCodes.authentication,
  )

export const plaintextContact = (name: string): Problem =>
  problem(
    "Plaintext_contact",
    `${name} is a contact, whose key is known: in plaintext anybody could pose as ${name}.`,
    "Start again without --plaintext.",
    exitCodes.authentication,
  )

/** Two keys under one name: the words that must not be overlooked. */
const keyChanged = (label: string, change: { readonly known: string; readonly shown: string }): Problem =>
  problem(
    "Key_changed",
    `THE KEY OF ${label} HAS CHANGED: it was ${change.known}, and now it is ${change.shown}. Somebody may pose as ${label}.`,
    `Nothing was said. Ask ${label} by other means; if all is well, type nomitm contacts forget ${label}.`,
    exitCodes.authentication,
  )

const authenticationCodes = new Set(["Key_changed", "Certificate_rollback", "Certificate_invalid", "Signature_invalid"])

/** What a code word means; what a key had to prove and did not is told by the exit code, too. */
const fromAnyCode = (code: string): Problem =>
  authenticationCodes.has(code) ? { ...fromCode(code), exitCode: exitCodes.authentication } : fromCode(code)

/** Why a call with keys came to nothing. */
export const fromSealed =
  (label: string) =>
  (error: CallFailed | LinkLost): Problem => {
    if (error._tag === "LinkLost") return fromLink(error)
    const { code, change } = error
    if (code === "Cancelled") return cancelled(label)
    if (change !== undefined) return keyChanged(label, change)
    return fromAnyCode(code)
  }

/** A no to who comes with an invitation: the other side's program tells nobody that it is used up. */
export const invitationDeclined = (problem: Problem): Problem =>
  problem.code === "Declined"
    ? { ...problem, hint: "They said no, or the invitation has been used or has expired: ask for a new one." }
    : problem

/**
 * Somebody was turned away who may be an attacker. The name is only what they say: anybody can bring this about, so it is
 * no reason to forget a key, and no failure of what a script does.
 */
export const fromTurnedAway = ({ code, name, change }: TurnedAway): Problem =>
  change === undefined
    ? { ...fromCode(code), message: `${name} called, and was refused: ${fromCode(code).message}` }
    : problem(
        "Key_changed",
        `SOMEBODY WITH ANOTHER KEY CALLED AS ${name}, and was refused: the key is ${change.shown}, and that of ${name} is ${change.known}.`,
        `Keep the key you know. If ${name} has a new one, they can tell you by other means.`,
      )

/** What trying again would not mend: somebody has to look at it. */
export const isFinal = ({ exitCode, code }: Problem): boolean =>
  exitCode === exitCodes.authentication || code === "Replaced"

/** Why trying again has failed so far. */
export const tryingAgain = ({ hint, ...reason }: Problem): Problem => ({
  ...reason,
  hint: `${hint} It is being tried again.`,
})

/** Our call met one of somebody else, and theirs came about. */
export const givenUp = (callee: string, caller: string): Problem =>
  problem(
    "Given_up",
    `${caller} called first: your call to ${callee} was given up.`,
    `Type /close, then /chat ${callee} to call again.`,
  )

/** Of how many texts that could not be sent the beginning is shown. */
const shownUnsent = 5

/** @param texts what was typed, one or more: shown again, as a text is that was not delivered */
export const notSent = (peer: string, texts: ReadonlyArray<string>): Problem => {
  const excerpts = texts.slice(0, shownUnsent).map(PrintableText.excerpt).join(", ")
  const more = texts.length > shownUnsent ? ` … and ${texts.length - shownUnsent} more` : ""
  return problem(
    "Not_sent",
    `${texts.length === 1 ? "A text" : `${texts.length} texts`} for ${peer} could not be sent: ${excerpts}${more}.`,
    `Type ${texts.length === 1 ? "it" : "them"} again when you are connected.`,
  )
}

export const mistyped = (message: string, hint: string): Problem => problem("Mistyped", message, hint)

/** @param isDirect see `PeerWay` */
export const fromSay = (error: SayError, isDirect: boolean): Problem => {
  switch (error._tag) {
    case "NotOpen":
      return nobodyToTell(isDirect)
    case "TextTooLong":
      return problem(
        "Too_long",
        `The text was not sent: it has ${error.bytes} bytes, and a text may have ${error.maximum}.`,
        "Send it in several shorter pieces.",
      )
    case "TooMuchWaiting":
      return problem(
        "Too_much_waiting",
        "The text was not taken: too much waits to be delivered already.",
        "Wait until they are back, then type it again.",
      )
  }
}

const lost = (error: LinkLost): Problem => {
  const message = `${error.message}.`
  switch (error.reason) {
    case "Closed":
      return problem("Server_lost", message, "Try again in a while.", exitCodes.unreachable)
    case "Silent":
      return problem("Server_silent", message, "Try again, or use another.", exitCodes.unreachable)
    case "Replaced":
      return problem("Replaced", message, fromCode("Replaced").hint)
    case "NotAServer":
      return problem("Not_a_server", message, "Check host and port; in plaintext also the dialect (--dialect).")
  }
}

/** Why the server can't be used. */
export const fromLink = (error: ConnectError | LinkLost | Refused): Problem => {
  switch (error._tag) {
    case "Refused":
      return fromAnyCode(error.code)
    case "LinkLost":
      return lost(error)
    case "ConnectError":
      return problem("Unreachable", connectMessage(error), connectHint(error), exitCodes.unreachable)
  }
}

const connectMessage = ({ reason, host, port }: ConnectError): string => {
  const server = formatHostPort(host, port)
  switch (reason) {
    case "UnknownHost":
      return `There is no host named ${host}.`
    case "Refused":
      return `Nothing listens at ${server}.`
    case "Unreachable":
      return `There is no way to ${server}.`
    case "TimedOut":
      return `${server} does not answer.`
    case "NoSuchLocalAddress":
      return `The local address given with --bind can't be used to reach ${server}.`
    case "NotTls":
      return `${server} speaks plaintext, not TLS.`
    case "TlsFailed":
      return `${server} was reached, but no TLS 1.3 connection came about.`
    case "Unknown":
      return `${server} can't be reached.`
  }
}

const connectHint = ({ reason }: ConnectError): string => {
  switch (reason) {
    case "UnknownHost":
      return "Check the spelling, and the network."
    case "Refused":
      return "Check the port, and that a server runs there: nomitm server."
    case "NoSuchLocalAddress":
      return "Give an address of this machine."
    case "NotTls":
      return "Check the port. Only if you want no protection at all: --plaintext."
    case "TlsFailed":
      return "Check host and port, and that a server of nomitm/1 runs there."
    default:
      return "Check the address, and the network."
  }
}

/** Why a direct chat can't even be tried. */
export const fromDirect = (error: BindError | ResolveError): Problem => {
  if (error._tag === "ResolveError") {
    return problem(
      "Unknown_host",
      `There is no host named ${error.host}.`,
      "Check the spelling, and the network.",
      exitCodes.unreachable,
    )
  }
  switch (error.reason) {
    case "InUse":
      return problem(
        "Port_in_use",
        `UDP port ${error.port} is in use here.`,
        "Close the other program, or choose another with --port.",
      )
    case "NoSuchAddress":
      return problem(
        "No_such_address",
        `${error.address} is no address of this machine.`,
        "Give one with --bind, or leave it out.",
      )
    case "NotPermitted":
      return problem(
        "Not_permitted",
        `You may not use UDP port ${error.port}.`,
        "Choose a port above 1023 with --port.",
      )
    case "Unknown":
      return problem("Bind_failed", `UDP port ${error.port} can't be used.`, "Choose another with --port.")
  }
}
