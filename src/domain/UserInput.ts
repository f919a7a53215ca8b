/**
 * What a person or a script types at a peer: commands start with a slash, everything else is text for the other side.
 */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"

export const UserInput = Schema.TaggedUnion({
  List: {},
  Chat: { name: Schema.String },
  /** Yes, or no, to somebody who calls; to the only one, if no name is given. */
  Accept: { name: Schema.Option(Schema.String) },
  Decline: { name: Schema.Option(Schema.String) },
  /** Gives up the call that is ringing. */
  Cancel: {},
  /** Compare a short string; `outcome` is what the person says about it. */
  Verify: { outcome: Schema.Option(Schema.Literals(["yes", "no"])) },
  Safety: {},
  /** By which path the chat goes, and what was tried. */
  Net: {},
  Join: { link: Schema.String },
  Close: {},
  Help: {},
  Quit: {},
  Text: { text: Schema.String },
  Nothing: {},
  /** A slash and no command of ours: never sent as text. `problem` says so and what to type. */
  Mistyped: { problem: Schema.String, hint: Schema.String },
})
export type UserInput = typeof UserInput.Type

/** A command as /help shows it. */
export interface Command {
  readonly name: string
  readonly argument: "none" | "needed" | "possible"
  /** What the argument is called; empty if there is none. */
  readonly metavar: string
  readonly description: string
  /** It has no meaning in plaintext, where nobody proves anything. */
  readonly needsKeys: boolean
}

const plain = (name: string, description: string, metavar = ""): Command => ({
  name,
  argument: metavar === "" ? "none" : "needed",
  metavar,
  description,
  needsKeys: false,
})

const keyed = (name: string, description: string, argument: Command["argument"], metavar = ""): Command => ({
  name,
  argument,
  metavar,
  description,
  needsKeys: true,
})

export const commands: ReadonlyArray<Command> = [
  plain("list", "who is online"),
  plain("chat", "call somebody", "NAME"),
  keyed("accept", "take a call", "possible", "NAME"),
  keyed("decline", "refuse a call", "possible", "NAME"),
  keyed("cancel", "give up your call", "none"),
  keyed("verify", "compare a short string; then yes or no", "possible", "yes|no"),
  keyed("safety", "the safety number of this chat", "none"),
  keyed("net", "by which path this chat goes, and why", "none"),
  keyed("join", "use an invitation", "needed", "LINK"),
  plain("close", "end the chat"),
  plain("help", "this list"),
  plain("quit", "end the chat and leave"),
]

/** How a command is typed: `/chat NAME`. */
export const usage = ({ name, argument, metavar }: Command): string => {
  switch (argument) {
    case "none":
      return `/${name}`
    case "needed":
      return `/${name} ${metavar}`
    case "possible":
      return `/${name} [${metavar}]`
  }
}

/** What /help lists: the commands, and how a text is typed that looks like one. */
export const help = (hasKeys: boolean): ReadonlyArray<{ readonly usage: string; readonly description: string }> => [
  ...commands
    .filter(({ needsKeys }) => hasKeys || !needsKeys)
    .map((command) => ({ usage: usage(command), description: command.description })),
  { usage: "//TEXT", description: "send the text /TEXT" },
]

/** Reads one line as typed. A second slash at the start makes a literal one: `//home` is the text `/home`. */
export const parse = (typed: string): UserInput => {
  if (typed.trim() === "") return { _tag: "Nothing" }
  // A blank in front of a command is a slip, and no command is ever sent as text.
  const line = typed.trimStart().startsWith("/") ? typed.trimStart() : typed
  if (line.startsWith("//")) return { _tag: "Text", text: line.slice(1) }
  if (!line.startsWith("/")) return { _tag: "Text", text: line }
  const [word = "", ...rest] = line.slice(1).trim().split(/\s+/)
  const known = commands.find((command) => command.name === word)
  if (known === undefined) return mistyped(line, word)
  const hint = `Type ${usage(known)}.`
  if (rest.length === 0 && known.argument === "needed") {
    return { _tag: "Mistyped", problem: `/${word} needs a ${known.metavar.toLowerCase()}.`, hint }
  }
  if (rest.length > (known.argument === "none" ? 0 : 1)) {
    return { _tag: "Mistyped", problem: `/${word} was given too much.`, hint }
  }
  const argument = Option.fromUndefinedOr(rest[0])
  switch (word) {
    case "accept":
      return { _tag: "Accept", name: argument }
    case "decline":
      return { _tag: "Decline", name: argument }
    case "cancel":
      return { _tag: "Cancel" }
    case "verify": {
      const outcome = Option.map(argument, (text) => text.toLowerCase())
      if (Option.isNone(outcome)) return { _tag: "Verify", outcome: Option.none() }
      return outcome.value === "yes" || outcome.value === "no"
        ? { _tag: "Verify", outcome: Option.some(outcome.value) }
        : { _tag: "Mistyped", problem: "/verify takes yes or no, or nothing.", hint }
    }
    case "safety":
      return { _tag: "Safety" }
    case "net":
      return { _tag: "Net" }
    case "join":
      return { _tag: "Join", link: rest[0]! }
    case "list":
      return { _tag: "List" }
    case "chat":
      return { _tag: "Chat", name: rest[0]! }
    case "close":
      return { _tag: "Close" }
    case "help":
      return { _tag: "Help" }
    default:
      return { _tag: "Quit" }
  }
}

const mistyped = (line: string, word: string): UserInput => {
  const nearest = suggestion(word)
  return {
    _tag: "Mistyped",
    problem: `There is no command /${word.slice(0, 40)}.`,
    hint: Option.match(nearest, {
      onNone: () => `Type /help for the commands, or /${line.slice(0, 20)} to send it as text.`,
      onSome: (command) => `Did you mean ${usage(command)}? To send it as text, type a second slash in front.`,
    }),
  }
}

/** The command that differs least from the word: by at most two letters and not by half of it. */
const suggestion = (word: string): Option.Option<Command> => {
  if (word.length > 16) return Option.none()
  const [best] = commands
    .map((command) => ({ command, distance: distance(word.toLowerCase(), command.name) }))
    .filter(({ distance, command }) => distance <= 2 && 2 * distance <= command.name.length)
    .toSorted((a, b) => a.distance - b.distance)
  return Option.map(Option.fromUndefinedOr(best), ({ command }) => command)
}

/** The number of letters to insert, delete, change or swap with the next (optimal string alignment). */
const distance = (a: string, b: string): number => {
  const rows: Array<Array<number>> = [Array.from({ length: b.length + 1 }, (_, j) => j)]
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const change = rows[i - 1]![j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)
      const swap =
        i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? rows[i - 2]![j - 2]! + 1 : Infinity
      row.push(Math.min(rows[i - 1]![j]! + 1, row[j - 1]! + 1, change, swap))
    }
    rows.push(row)
  }
  return rows[a.length]![b.length]!
}
