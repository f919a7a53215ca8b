import { assert, describe, it } from "@effect/vitest"
import * as Option from "effect/Option"
import * as UserInput from "../../src/domain/UserInput.ts"
import * as arbitraries from "./arbitraries.ts"

const parse = UserInput.parse
const reads = (line: string, expected: UserInput.UserInput) => assert.deepStrictEqual(parse(line), expected)

/** What somebody is told who typed a command that there is not. */
const told = (line: string) => {
  const input = parse(line)
  assert.strictEqual(input._tag, "Mistyped", line)
  return input._tag === "Mistyped" ? `${input.problem} ${input.hint}` : ""
}

describe("what is typed", () => {
  it.each<[string, UserInput.UserInput]>([
    ["/list", { _tag: "List" }],
    ["/chat bob", { _tag: "Chat", name: "bob" }],
    ["/close", { _tag: "Close" }],
    ["/help", { _tag: "Help" }],
    ["/quit", { _tag: "Quit" }],
    ["/quit  ", { _tag: "Quit" }],
    ["/chat   bob ", { _tag: "Chat", name: "bob" }],
    ["/chat\tbob", { _tag: "Chat", name: "bob" }],
    ["/chat two-words", { _tag: "Chat", name: "two-words" }],
    ["/accept", { _tag: "Accept", name: Option.none() }],
    ["/accept bob", { _tag: "Accept", name: Option.some("bob") }],
    ["/decline bob", { _tag: "Decline", name: Option.some("bob") }],
    ["/cancel", { _tag: "Cancel" }],
    ["/verify", { _tag: "Verify", outcome: Option.none() }],
    ["/verify yes", { _tag: "Verify", outcome: Option.some("yes") }],
    ["/verify NO", { _tag: "Verify", outcome: Option.some("no") }],
    ["/safety", { _tag: "Safety" }],
    ["/net", { _tag: "Net" }],
    ["/join nomitm://x/#1.abc", { _tag: "Join", link: "nomitm://x/#1.abc" }],
  ])("is a command: %j", (line, expected) => reads(line, expected))

  it.each(["hello", "hello /quit", "a/b", "list", "  indented", "trailing  ", "\\quit", "?", "Zoë 李 \u{1f600}"])(
    "is text for the other side, unchanged: %j",
    (line) => reads(line, { _tag: "Text", text: line }),
  )

  it("is text with a slash in front when there are two", () => {
    reads("//home", { _tag: "Text", text: "/home" })
    reads("//quit", { _tag: "Text", text: "/quit" })
    reads("///", { _tag: "Text", text: "//" })
    reads("//", { _tag: "Text", text: "/" })
  })

  it("is nothing when it is empty or blank", () => {
    for (const line of ["", " ", "\t \u3000"]) reads(line, { _tag: "Nothing" })
  })
})

describe("a mistyped command", () => {
  it.each([
    ["/hlep", "There is no command /hlep. Did you mean /help? "],
    ["/lst", "There is no command /lst. Did you mean /list? "],
    ["/lists", "There is no command /lists. Did you mean /list? "],
    ["/qiut now", "There is no command /qiut. Did you mean /quit? "],
    ["/chta bob", "There is no command /chta. Did you mean /chat NAME? "],
    ["/CLOSE", "There is no command /CLOSE. Did you mean /close? "],
    ["/clsoe", "There is no command /clsoe. Did you mean /close? "],
  ])("is answered with the nearest: %s", (line, answer) =>
    assert.strictEqual(told(line), `${answer}To send it as text, type a second slash in front.`),
  )

  it("that is like no command is answered with where to find them", () => {
    assert.strictEqual(
      told("/frobnicate"),
      "There is no command /frobnicate. Type /help for the commands, or //frobnicate to send it as text.",
    )
    for (const line of ["/", "/ ", "/x", "/😀", "/etc/passwd", `/${"q".repeat(10_000)}`]) {
      assert.include(told(line), "/help")
    }
  })

  it("without its name, or with too much, says how it is typed", () => {
    assert.strictEqual(told("/chat"), "/chat needs a name. Type /chat NAME.")
    assert.strictEqual(told("/chat two words"), "/chat was given too much. Type /chat NAME.")
    assert.strictEqual(told("/list bob"), "/list was given too much. Type /list.")
    assert.strictEqual(told("/join"), "/join needs a link. Type /join LINK.")
    assert.strictEqual(told("/accept bob carol"), "/accept was given too much. Type /accept [NAME].")
    assert.strictEqual(told("/verify maybe"), "/verify takes yes or no, or nothing. Type /verify [yes|no].")
    assert.strictEqual(told("/quit now"), "/quit was given too much. Type /quit.")
  })

  it("that is named like something every object has is no command", () => {
    for (const line of ["/toString", "/__proto__", "/constructor"]) told(line)
  })
})

describe("the commands", () => {
  it("are those of /help, each with its usage and what it does", () =>
    assert.deepStrictEqual(
      UserInput.commands.map((command) => [UserInput.usage(command), command.description]),
      [
        ["/list", "who is online"],
        ["/chat NAME", "call somebody"],
        ["/accept [NAME]", "take a call"],
        ["/decline [NAME]", "refuse a call"],
        ["/cancel", "give up your call"],
        ["/verify [yes|no]", "compare a short string; then yes or no"],
        ["/safety", "the safety number of this chat"],
        ["/net", "by which path this chat goes, and why"],
        ["/join LINK", "use an invitation"],
        ["/close", "end the chat"],
        ["/help", "this list"],
        ["/quit", "end the chat and leave"],
      ],
    ))

  it("stand in /help with how a text is typed that begins with a slash; in plaintext without those that need keys", () => {
    const slash = ["//TEXT", "send the text /TEXT"]
    const rows = (hasKeys: boolean) => UserInput.help(hasKeys).map(({ usage, description }) => [usage, description])
    assert.deepStrictEqual(rows(true), [
      ...UserInput.commands.map((command) => [UserInput.usage(command), command.description]),
      slash,
    ])
    assert.deepStrictEqual(
      rows(false).map(([usage]) => usage),
      ["/list", "/chat NAME", "/close", "/help", "/quit", "//TEXT"],
    )
    reads("//TEXT", { _tag: "Text", text: "/TEXT" })
  })

  it("are understood as /help shows them", () => {
    for (const command of UserInput.commands) {
      const typed = UserInput.usage(command).replace(/\[.*\]/, "")
      assert.notStrictEqual(parse(typed)._tag, "Mistyped")
    }
  })

  it.prop(
    "are suggested for each slip of one letter",
    [
      arbitraries.integer(0, UserInput.commands.length - 1),
      arbitraries.integer(0, 5),
      arbitraries.pick("insert", "delete", "change", "swap"),
      arbitraries.pick("x", "z", "k", "7"),
    ],
    ([index, at, slip, letter]) => {
      const command = UserInput.commands[index]!
      const letters = [...command.name]
      const i = Math.min(at, letters.length - 1)
      if (slip === "insert") letters.splice(i, 0, letter)
      if (slip === "delete") letters.splice(i, 1)
      if (slip === "change") letters[i] = letter
      if (slip === "swap")
        letters.splice(Math.max(0, i - 1), 2, ...letters.slice(Math.max(0, i - 1), i + 1).toReversed())
      if (letters.join("") === command.name) return
      assert.include(told(`/${letters.join("")} bob`), `Did you mean ${UserInput.usage(command)}?`)
    },
    arbitraries.thorough,
  )
})

describe("any line", () => {
  it.prop(
    "that starts with one slash is never sent as text",
    [arbitraries.text, arbitraries.text],
    ([first, second]) => {
      for (const line of [`/${first}`, `/${first} ${second}`]) {
        if (!line.startsWith("//")) assert.notStrictEqual(parse(line)._tag, "Text")
      }
    },
    arbitraries.thorough,
  )

  it.prop(
    "of text can be sent: as it is, or after a slash where it starts with one",
    [arbitraries.text],
    ([text]) => {
      if (text.trim() === "") return
      const typed = text.trimStart().startsWith("/") ? text.trimStart() : text
      reads(typed.startsWith("/") ? `/${typed}` : typed, { _tag: "Text", text: typed })
    },
    arbitraries.thorough,
  )

  it.prop(
    "that is a command is one of those /help shows, and its name has no blank",
    [arbitraries.oneOf(arbitraries.text, arbitraries.wordLine)],
    ([line]) => {
      const input = parse(line)
      if (input._tag === "Text" || input._tag === "Nothing") return
      if (input._tag === "Mistyped") {
        assert.match(input.problem, /\.$/)
        assert.isAtMost(input.problem.length + input.hint.length, 250)
        return
      }
      assert.isTrue(UserInput.commands.some(({ name }) => line.trim().slice(1).trim().startsWith(name)))
      if (input._tag === "Chat") assert.notMatch(input.name, /\s|^$/)
    },
    arbitraries.thorough,
  )
})

describe("an argument", () => {
  it("stands in capitals where it is needed", () => {
    for (const { argument, metavar } of UserInput.commands) {
      assert.strictEqual(metavar === "", argument === "none")
      if (argument === "needed") assert.match(metavar, /^[A-Z]+$/)
    }
  })
})
