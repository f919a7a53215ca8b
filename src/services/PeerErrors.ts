/**
 * What to tell a peer's user when something goes wrong: a code word for programs, what happened, what to do next.
 */
import { maxTextBytes } from "../domain/PeerMessage.ts"
import { formatHostPort } from "../domain/Endpoint.ts"
import * as ErrorCode from "../domain/ErrorCode.ts"
import type { ClosedReason, PeerEvent } from "../domain/PeerEvent.ts"
import type { NotOpen, TextTooLong } from "./ChatSession.ts"
import type { BindError, ResolveError } from "./PeerTransport.ts"
import type { LinkLost, Refused } from "./RendezvousClient.ts"
import type { ConnectError } from "./RendezvousTransport.ts"

/** The exit codes of the command. */
export const exitCodes = { ok: 0, failure: 1, usage: 2, unreachable: 3, authentication: 4, interrupted: 130 } as const

export interface Problem {
  readonly code: string
  readonly message: string
  readonly hint: string
  /** What a script sees at the end, if nothing worse comes after. */
  readonly exitCode: number
}

const problem = (code: string, message: string, hint: string, exitCode: number = exitCodes.failure): Problem => ({
  code,
  message,
  hint,
  exitCode,
})

export const toEvent = ({ code, message, hint }: Problem): PeerEvent => ({ event: "error", code, message, hint })

/** What the end of a chat means to a script. */
export const exitCodeOf = (reason: ClosedReason): number =>
  reason === "unreachable" ? exitCodes.unreachable : reason === "timeout" ? exitCodes.failure : exitCodes.ok

export const fromCode = (code: string): Problem => {
  const { message, hint } = ErrorCode.explain(code)
  return problem(code, message, hint)
}

export const noChat = problem(
  "No_chat",
  "You are in no chat, so this was not sent.",
  "Type /chat NAME to call somebody.",
)

export const inChat = (peer: string): Problem =>
  problem("In_chat", `You are in a chat with ${peer}.`, "Type /close to end it first.")

export const noServer = problem("No_server", "You talk directly, without a server.", "Start again with --server HOST.")

export const offline = problem(
  "Offline",
  "The server is out of reach at the moment.",
  "It is being tried again; wait until you are online.",
  exitCodes.unreachable,
)

export const serverLost = problem(
  "Server_lost",
  "The server is out of reach. A running chat goes on.",
  "It is being tried again.",
  exitCodes.unreachable,
)

export const notSent = (peer: string, count: number): Problem =>
  problem(
    "Not_sent",
    `${count === 1 ? "A text" : `${count} texts`} for ${peer} could not be sent.`,
    "Type it again when you are connected.",
  )

export const mistyped = (message: string, hint: string): Problem => problem("Mistyped", message, hint)

export const fromSay = (error: NotOpen | TextTooLong): Problem =>
  error._tag === "NotOpen"
    ? noChat
    : problem(
        "Too_long",
        `The text was not sent: it has ${error.bytes} bytes, and ${maxTextBytes} fit into a datagram.`,
        "Send it in several shorter pieces.",
      )

const lost: Record<LinkLost["reason"], Problem> = {
  Closed: problem("Server_lost", "The server closed the connection.", "Try again in a while.", exitCodes.unreachable),
  Silent: problem("Server_silent", "The server does not answer.", "Try again, or use another.", exitCodes.unreachable),
  NotAServer: problem(
    "Not_a_server",
    "What answers there does not speak this protocol.",
    "Check host and port, and the dialect (--dialect readme or original).",
  ),
}

/** Why the server can't be used. */
export const fromLink = (error: ConnectError | LinkLost | Refused): Problem => {
  switch (error._tag) {
    case "Refused":
      return fromCode(error.code)
    case "LinkLost":
      return lost[error.reason]
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
