/**
 * What a person or a script types at a peer: commands start with a slash, everything else is text for the other side.
 */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"

export const UserInput = Schema.TaggedUnion({
  List: {},
  Chat: { name: Schema.String },
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
  readonly argument: Option.Option<string>
  readonly description: string
}

const command = (name: string, description: string, argument?: string): Command => ({
  name,
  argument: Option.fromUndefinedOr(argument),
  description,
})

export const commands: ReadonlyArray<Command> = [
  command("list", "who is online"),
  command("chat", "call somebody", "NAME"),
  command("close", "end the chat"),
  command("help", "this list"),
  command("quit", "end the chat and leave"),
]

/** How a command is typed: `/chat NAME`. */
export const usage = (command: Command): string =>
  `/${command.name}${Option.match(command.argument, { onNone: () => "", onSome: (argument) => ` ${argument}` })}`

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
  if (Option.isSome(known.argument) !== (rest.length === 1)) {
    return rest.length === 0
      ? { _tag: "Mistyped", problem: `/${word} needs a name.`, hint: `Type ${usage(known)}.` }
      : { _tag: "Mistyped", problem: `/${word} was given too much.`, hint: `Type ${usage(known)}.` }
  }
  switch (word) {
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
