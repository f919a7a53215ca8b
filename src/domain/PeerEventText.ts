/**
 * The words in which a peer's events are shown to a person: lines that are safe to print.
 *
 * The program's own lines start with `*`, errors with `!`, the other side's with its name; a text of several lines goes
 * on with `|`, so that nothing a peer writes can pass for a line of the program.
 */
import type { Ending } from "./Conversation.ts"
import * as NetText from "./net/NetText.ts"
import * as PathText from "./net/PathText.ts"
import type { PeerEvent } from "./PeerEvent.ts"
import * as PrintableText from "./PrintableText.ts"
import type { Trust } from "./profile/Trust.ts"
import * as TextRows from "./TextRows.ts"

const safe = PrintableText.oneLine

/** Brackets of all kinds, but for those around an IPv6 address. */
const bracket = /(?<!^)\p{Ps}|^\p{Ps}(?![0-9a-f:.%]+\]:[0-9]+$)/u

/** A name as it is shown: in quotes if there is something in it that could be taken for a trust state. */
export const nameOf = (name: string): string => (bracket.test(safe(name)) ? `"${safe(name)}"` : safe(name))

/**
 * An event as text to print, line ends included.
 *
 * @param columns the width of the terminal it is printed on, if it is one
 */
export const print = (event: PeerEvent, columns?: number): string =>
  (columns === undefined ? lines(event) : lines(event).flatMap((line) => TextRows.wrap(line, columns)))
    .map((line) => `${line}\n`)
    .join("")

export const lines = (event: PeerEvent): ReadonlyArray<string> => {
  switch (event.event) {
    case "listening":
      return [`* Listening on UDP port ${event.port} (${event.host}).`]
    case "registered":
      return [`* You are online as ${safe(event.name)}. /list shows who else is, /help what you can type.`]
    case "users":
      return event.users.length === 0
        ? ["* Nobody else is online."]
        : [
            `* Online: ${listed(event.people ?? event.users.map((name) => ({ name })))}. Type /chat NAME to talk to one.`,
          ]
    case "calling":
      return [`* Calling ${nameOf(event.peer)}${mark(event.trust)} …`]
    case "incoming":
      return [
        `* ${nameOf(event.peer)}${mark(event.trust)} is calling. ${howToAnswer(event.beside)}`,
        `  Their key is ${safe(event.fingerprint)}.`,
      ]
    case "connected":
      return [
        `* Connected to ${nameOf(event.peer)}${mark(event.trust)}${PathText.beginning(event.kind, event.address)}. Type to talk, /close to end.`,
        ...doubts(event.trust),
      ]
    case "path":
      return [PathText.line(event.peer, event.kind, event.address, event.rtt_ms)]
    case "stuck":
      return [`* ${safe(event.message)}`, `  ${safe(event.hint)}`]
    case "sent":
    case "delivered":
      // That is the rule: `PeerStatus` shows what it is not true of yet.
      return []
    case "failed":
      return [`! Not delivered: ${PrintableText.excerpt(event.text)}. ${undelivered[event.reason]}`]
    case "net":
      return NetText.net(event)
    case "netcheck":
      return NetText.netcheck(event)
    case "message": {
      const [first = "", ...more] = PrintableText.lines(event.text)
      return [`${sender(event.from)}${mark(event.trust)}: ${first}`, ...more.map((line) => `  | ${line}`)]
    }
    case "closed":
      return [
        `* ${event.message === undefined ? closed(safe(event.peer), event.reason) : safe(event.message)}`,
        ...(event.hint === undefined ? [] : [`  ${safe(event.hint)}`]),
      ]
    case "sas":
      return [
        `* Compare with ${safe(event.peer)}, by voice:  ${event.words.map(safe).join(" ")}   (${safe(event.digits)})`,
        "  Do you both see the same? Type /verify yes, or /verify no.",
      ]
    case "safety":
      return [
        `* The safety number of you and ${safe(event.peer)}; they see the same with /safety:`,
        `  ${safe(event.number)}`,
      ]
    case "trust":
      return [`* ${safe(event.peer)} is ${event.trust} now: ${meaning[event.trust]}.`]
    case "error":
      return [`! ${safe(event.message)} ${safe(event.hint)}`.trimEnd()]
    case "help":
      return table(event.commands.map(({ usage, description }) => [usage, description]))
  }
}

/** Why an own text was not delivered: how the chat ended. */
const undelivered: Record<Ending, string> = {
  closed: "You ended the chat before it was.",
  closed_by_peer: "The other side ended the chat before it was.",
  timeout: "The other side was not heard any more. It may have arrived.",
  unreachable: "The other side could not be reached.",
  unverified: "The chat was ended for your safety.",
  forgotten: "The other side does not know this chat any more.",
  protocol: "The other side was not to be understood any more.",
}

const table = (rows: ReadonlyArray<readonly [string, string]>): ReadonlyArray<string> => {
  const width = Math.max(...rows.map(([first]) => first.length))
  return rows.map(([first, second]) => `  ${first.padEnd(width)}  ${second}`)
}

/** @param beside with whom there is a chat that is out of reach */
const howToAnswer = (beside: string | undefined): string =>
  beside === undefined
    ? "Type /accept or /decline."
    : `${nameOf(beside)} is out of reach: /close that chat and /accept, or /decline.`

/** What is to be done while nothing sure is known about a key. */
const doubts = (trust: Trust | undefined): ReadonlyArray<string> => {
  const compare = "Type /verify, and compare what you see by voice."
  if (trust === "introduced") return [`  You have not compared keys yet. ${compare}`]
  return trust === "unknown" ? [`  Nothing says who that is. ${compare}`] : []
}

/** How many names are shown at a time. */
export const shownUsers = 200

const listed = (users: ReadonlyArray<{ readonly name: string; readonly trust?: Trust }>): string => {
  const more = users.length - shownUsers
  const shown = users
    .slice(0, shownUsers)
    .map(({ name, trust }) => nameOf(name) + (trust === undefined || trust === "unknown" ? "" : mark(trust)))
    .join(", ")
  return more > 0 ? `${shown} … and ${more} more` : shown
}

/**
 * The trust state beside a name; in plaintext there is none. See `nameOf` for what a name can't do.
 */
export const mark = (trust: Trust | undefined): string => (trust === undefined ? "" : ` [${trust}]`)

const meaning: Record<Trust, string> = {
  unknown: "nothing says who that is",
  introduced: "it has been said who that is, and the key is remembered",
  invited: "an invitation proved who that is",
  verified: "you have compared, and it was the same",
}

/** A name that starts with a mark (`* Connected`) stands in quotes: the line must not look like one of the program. */
const sender = (name: string): string => (/^[\p{L}\p{N}]/u.test(safe(name)) ? nameOf(name) : `"${safe(name)}"`)

const closed = (peer: string, reason: Ending): string => {
  switch (reason) {
    case "closed":
      return `You ended the chat with ${peer}.`
    case "closed_by_peer":
      return `${peer} ended the chat.`
    case "timeout":
      return `${peer} has not been heard for too long: the chat is over.`
    case "unreachable":
      return `${peer} could not be reached: no datagram came through. A firewall or NAT on either side may drop them.`
    case "forgotten":
      return `${peer} does not know this chat any more: they ended it while you were out of reach, or started anew.`
    case "protocol":
      return `What came from ${peer} was not to be understood: the chat is over.`
    case "unverified":
      return `Three times there was nothing to compare with ${peer}, as when somebody sits in between: the chat is over.`
  }
}
