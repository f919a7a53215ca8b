/**
 * The code words of `ERROR` lines (PROTOCOL.md, section 6): stable, for programs; with what to tell a person.
 */
import * as Schema from "effect/Schema"

/** What a code word means to a person: what happened, and what to do next. */
export interface Explanation {
  readonly message: string
  readonly hint: string
}

const explanations = {
  Operation_unknown: {
    message: "The server does not know this operation.",
    hint: "Check that both sides speak the same dialect (--dialect readme or original).",
  },
  Malformed: {
    message: "The server could not read the line it was sent.",
    hint: "Check that both sides speak the same dialect (--dialect readme or original).",
  },
  Too_long: {
    message: "A line or text was too long.",
    hint: "Send it in several shorter pieces.",
  },
  Not_registered: {
    message: "The server asks for a name first.",
    hint: "Register a name, then try again.",
  },
  Already_auth: {
    message: "This connection already has a name.",
    hint: "Connect once more to use another name.",
  },
  Name_invalid: {
    message: "This name can't be used.",
    hint: "Take 1 to 32 visible characters without blanks.",
  },
  User_exists: {
    message: "This name is taken.",
    hint: "Choose another name, or try again in a minute if it is yours from a lost connection.",
  },
  User_not_online: {
    message: "Nobody of this name is online.",
    hint: "See who is online with /list.",
  },
  Self_call: {
    message: "You can't call yourself.",
    hint: "See who else is online with /list.",
  },
  Already_calling: {
    message: "A call of yours is being set up.",
    hint: "Wait until it has been answered; that takes seconds.",
  },
  Busy: {
    message: "The other side is busy with another call.",
    hint: "Try again in a while.",
  },
  Declined: {
    message: "The other side declined the call.",
    hint: "Ask them first, or try again in a while.",
  },
  Too_many_tries: {
    message: "No port number was free on both sides in 20 tries.",
    hint: "Close programs that hold many UDP ports on either side, then try again.",
  },
  No_answer: {
    message: "One side did not answer in time.",
    hint: "Try again; if it stays so, the other program may hang.",
  },
  Peer_gone: {
    message: "The other side left the server while the call was set up.",
    hint: "See who is online with /list.",
  },
  Too_fast: {
    message: "The server was sent more lines than it may carry out soon.",
    hint: "Send fewer lines at a time.",
  },
  Server_full: {
    message: "The server takes no more connections.",
    hint: "Try again in a while, or use another server.",
  },
  Too_many_connections: {
    message: "Your address has too many connections to this server.",
    hint: "Close some of them, then try again.",
  },
  Idle: {
    message: "The connection had no name for too long.",
    hint: "Connect again and register at once.",
  },
  Shutting_down: {
    message: "The server is shutting down.",
    hint: "Running chats go on; connect again later.",
  },
} satisfies Record<string, Explanation>

/** A code word this program sends. */
export type ErrorCode = keyof typeof explanations

export const all = Object.keys(explanations) as ReadonlyArray<ErrorCode>

export const ErrorCode = Schema.Literals(all)

/** What to tell a person about a code word, known or not. */
export const explain = (code: string): Explanation =>
  Object.hasOwn(explanations, code)
    ? explanations[code as ErrorCode]
    : { message: `The server reports ${code}.`, hint: "Try again; if it stays so, ask whoever runs the server." }
