/**
 * The questions that `npm run prove` asks, each with the result it must have: `formal/README.md` lists exactly these.
 *
 * A mutant is a handshake that lacks something, and its name says of what question: `kci-caller-no-se` is `kci-caller`
 * without `se`. It must come out as an attack, for a model that can't be attacked proves nothing.
 */
import { nothing } from "./Cryptography.ts"
import { type Question, question } from "./Question.ts"
import { afterwards, invitations, quantum, stolenKeys } from "./questions/broken.ts"
import { byVoice } from "./questions/byVoice.ts"
import { aliceMetBob, bobMetAlice, direct, withoutServer } from "./questions/direct.ts"
import { calleeProven, callerProven, identities, secrecy } from "./questions/proven.ts"
import { inChatWith, relayed } from "./questions/Relayed.ts"

const goesThrough: ReadonlyArray<Question> = [
  question(
    "call-works",
    "WORKS",
    "Alice calls Bob, and both get to the chat: the rules let honest people do what they should",
    relayed([inChatWith(nothing)]),
  ),
  question("link-works", "WORKS", "so they do with Bob's link", relayed([inChatWith("link")])),
  question("direct-works", "WORKS", "so they do without a server", direct([aliceMetBob(), bobMetAlice()])),
]
/** The parts of the table in `formal/README.md`. */
export const chapters: ReadonlyArray<readonly [title: string, questions: ReadonlyArray<Question>]> = [
  ["Honest people get through", goesThrough],
  ["Secrecy", secrecy],
  ["The caller knows the callee", calleeProven],
  ["The callee knows the caller", callerProven],
  ["Identities", identities],
  ["A stolen key", stolenKeys],
  ["Keys stolen later", afterwards],
  ["Broken cryptography", quantum],
  ["Invitations", invitations],
  ["Without a server", withoutServer],
  ["The short string", byVoice],
]

export const questions: ReadonlyArray<Question> = chapters.flatMap(([, questions]) => questions)

/** The table of `formal/README.md`. */
export const table: string = chapters
  .map(([title, questions]) =>
    [
      `### ${title}`,
      "",
      "| question | asked | result |",
      "| --- | --- | --- |",
      ...questions.map(({ name, asks, expected }) => `| \`${name}\` | ${asks} | ${expected} |`),
    ].join("\n"),
  )
  .join("\n\n")
