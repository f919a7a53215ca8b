/**
 * The code words of `ERROR` and `ENDED` lines (PROTOCOL.md, sections 6 and 14), and of what a client finds out itself:
 * stable, for programs; with what to tell a person.
 */
import * as Schema from "effect/Schema"

/** What a code word means to a person: what happened, and what to do next. */
export interface Explanation {
  readonly message: string
  readonly hint: string
}

const sameProtocol = "Check that both sides have the same version; in plaintext, the same dialect too (--dialect)."

const explanations = {
  Operation_unknown: {
    message: "The server does not know this operation.",
    hint: sameProtocol,
  },
  Malformed: {
    message: "The server could not read the line it was sent.",
    hint: sameProtocol,
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
    hint: "Wait until it has been answered, or give it up with /cancel.",
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
    hint: "Two peers on one machine need a --bind address each. Or close programs that hold many UDP ports.",
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
  Tls_required: {
    message: "This server speaks only over TLS.",
    hint: "Leave --plaintext out.",
  },
  Certificate_invalid: {
    message: "The certificate of a key does not count: forged, expired, or from the future.",
    hint: "Check that the clocks of both sides are right, then try again.",
  },
  Signature_invalid: {
    message: "The proof of the own key did not fit this connection.",
    hint: "Somebody may sit in between: check the server's address and its pin.",
  },
  Name_owned: {
    message: "This name belongs to another key.",
    hint: "Choose another name, or use the profile that took this one.",
  },
  Too_many_names: {
    message: "This key has as many names at the server as it may.",
    hint: "Give one up with nomitm release.",
  },
  Unavailable: {
    message: "The server can't look up, keep or give out names at the moment.",
    hint: "Try again in a while; if it stays so, ask whoever runs the server.",
  },
  Relay_refused: {
    message: "The server relays nothing.",
    hint: "A chat needs a direct path then: see /net for why there is none, or use another server.",
  },
  Replaced: {
    message: "The same key took this name on another connection.",
    hint: "If it was you, use another name here or there; if not, your key is in other hands: make a new one.",
  },
  Cancelled: {
    message: "The caller hung up before the call was answered.",
    hint: "Call back to find out what it was about.",
  },
  Failed: {
    message: "The other side could not go on with the call.",
    hint: "Try again; if it stays so, both should update their programs.",
  },
  No_such_chat: {
    message: "The other side no longer has the chat that was to go on.",
    hint: "It was ended there, the program was started anew, or a day has passed: call to begin another chat.",
  },
  Not_admitted: {
    message: "The one who called is not admitted by your settings.",
    hint: "Add them to your contacts, or start with --accept ask.",
  },
  Key_changed: {
    message: "This name has another key than the one you know.",
    hint: "Ask them by other means; if all is well, forget the old key first.",
  },
  Certificate_rollback: {
    message: "A certificate older than one seen before was shown.",
    hint: "Try again with another server; if it stays so, ask the other side.",
  },
  Server_key_changed: {
    message: "The server has another key than the one remembered.",
    hint: "Ask whoever runs it for its new address, and use that.",
  },
  Server_pin_mismatch: {
    message: "The server's key is not the one that its address names.",
    hint: "Check the address; somebody may sit in between.",
  },
  Server_unknown: {
    message: "The server's key is not known here.",
    hint: "Use its address with the pin, as it prints it when it starts.",
  },
  Invitation_invalid: {
    message: "The invitation is not valid, was used, or has expired.",
    hint: "Ask for a new one.",
  },
  Verification_failed: {
    message: "The verification by voice failed.",
    hint: "Begin again; if it fails again, somebody may sit in between.",
  },
} satisfies Record<string, Explanation>

/** A code word this program sends or shows. */
export type ErrorCode = keyof typeof explanations

export const all = Object.keys(explanations) as ReadonlyArray<ErrorCode>

export const ErrorCode = Schema.Literals(all)

/** What to tell a person about a code word, known or not. */
export const explain = (code: string): Explanation =>
  Object.hasOwn(explanations, code)
    ? explanations[code as ErrorCode]
    : { message: `The server reports ${code}.`, hint: "Try again; if it stays so, ask whoever runs the server." }
