/**
 * `nomitm id`: who one is here, and the words and the passphrase of it.
 */
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as EnglishWords from "../adapters/node/EnglishWords.ts"
import * as NodeProfile from "../adapters/node/NodeProfile.ts"
import * as Passphrase from "../adapters/node/Passphrase.ts"
import * as StandardInput from "../adapters/node/StandardInput.ts"
import { json as jsonText, oneLine } from "../domain/PrintableText.ts"
import { make as problem } from "../domain/Problem.ts"
import { ProfileError } from "../services/profile/ProfileError.ts"
import { type NotRecoveryWords, recoveryWords, WordList } from "../services/WordList.ts"
import { failWith } from "./CommandFailed.ts"
import * as Flags from "./flags.ts"
import * as Profile from "./profile.ts"

const flags = {
  ...Profile.flags,
  words: Flag.Boolean("words").pipe(
    Flag.withDescription(`Show the ${recoveryWords} recovery words: whoever has them is you`),
    Flag.withDefault(false),
  ),
  restore: Flag.Boolean("restore").pipe(
    Flag.withDescription("Make the profile of recovery words on standard input; never replaces one"),
    Flag.withDefault(false),
  ),
  passphrase: Flag.Literals("passphrase", ["set", "remove"]).pipe(
    Flag.withDescription("Seal the keys by a passphrase, typed or in NOMITM_NEW_PASSPHRASE; or no longer"),
    Flag.optional,
  ),
}

const show = Effect.fnUntraced(function* (chosen: Profile.Chosen) {
  const { id, fingerprint, names, home, isSealed } = yield* Profile.ask(chosen, { _tag: "Id" }, "Id")
  if (chosen.json) {
    const used = names.map(({ name, server }) => ({ name, server }))
    return yield* Console.log(jsonText({ event: "identity", id, fingerprint, names: used, home, passphrase: isSealed }))
  }
  const used = names.map(({ name, server }) => `${oneLine(name)} at ${oneLine(server)}`)
  yield* Console.log(`id           ${id}`)
  yield* Console.log(`fingerprint  ${fingerprint}`)
  yield* Console.log(`names        ${used.length === 0 ? "none used yet" : used.join(", ")}`)
  yield* Console.log(`profile      ${oneLine(home)}${isSealed ? " (sealed by a passphrase)" : ""}`)
})

/** Read from the file, so that the passphrase is asked for even while a peer runs. */
const showWords = Effect.fnUntraced(function* (chosen: Profile.Chosen) {
  const { seed } = yield* Profile.use(chosen, (options) =>
    Effect.filterOrFail(
      NodeProfile.read(options),
      (opened) => opened !== undefined,
      () => new ProfileError({ reason: "Missing", path: options.home }),
    ),
  )
  const words = yield* Effect.flatMap(WordList, ({ wordsOf }) => wordsOf(seed))
  if (chosen.json) return yield* Console.log(jsonText({ event: "words", words }))
  if (!process.stdout.isTTY) return yield* Console.log(words.join(" "))
  yield* Console.error("Write these words down, in this order, and keep them where nobody else looks:")
  yield* Console.error("whoever has them is you. They bring your key back: nomitm id --restore.\n")
  const columns = 4
  for (let at = 0; at < words.length; at += columns) {
    const row = words.slice(at, at + columns).map((word, i) => `${String(at + i + 1).padStart(2)} ${word.padEnd(10)}`)
    yield* Console.log(row.join("  ").trimEnd())
  }
})

/** The words of a text, without the numbers they may be written with. */
const wordsOf = (text: string): ReadonlyArray<string> => text.split(/\s+/).filter((word) => /[^\d.]/.test(word))

const restore = Effect.fnUntraced(function* (chosen: Profile.Chosen) {
  // Before the words: who types them for nothing has them on the screen for nothing.
  yield* Profile.use(chosen, (options) =>
    Effect.flatMap(NodeProfile.exists(options.home), (there) =>
      there ? Effect.fail(new ProfileError({ reason: "AlreadyThere", path: options.home })) : Effect.void,
    ),
  )
  if (process.stdin.isTTY) yield* Console.error(`Type the ${recoveryWords} words:`)
  const text = yield* StandardInput.read(4096, (text) => text.endsWith("\n") && wordsOf(text).length >= recoveryWords)
  const seed = yield* Effect.flatMap(WordList, ({ seedOf }) => seedOf(wordsOf(text))).pipe(
    Effect.catchTag("NotRecoveryWords", (error: NotRecoveryWords) =>
      failWith(
        problem("Not_recovery_words", `${error.message}.`, "Type them as nomitm id --words showed them."),
        chosen.json,
      ),
    ),
  )
  yield* Profile.use(chosen, (options) => NodeProfile.create(seed, options))
  yield* show(chosen)
})

const protect = Effect.fnUntraced(function* (chosen: Profile.Chosen, how: "set" | "remove") {
  const unfit = (home: string) => new ProfileError({ reason: "PassphraseUnfit", path: home })
  yield* Profile.use(chosen, (options) =>
    NodeProfile.protect(
      options,
      how === "remove"
        ? Effect.undefined
        : Effect.flatMap(Passphrase.fresh, (typed) =>
            Effect.mapError(Effect.fromOption(typed), () => unfit(options.home)),
          ),
    ),
  )
  if (chosen.json) return yield* Console.log(jsonText({ event: "passphrase", passphrase: how === "set" }))
  yield* Console.log(how === "set" ? "The keys are sealed by the passphrase." : "The keys are no longer sealed.")
})

export const id = Command.make(
  "id",
  flags,
  Effect.fnUntraced(function* ({ words, restore: fromWords, passphrase, ...chosen }) {
    if (Number(words) + Number(fromWords) + Number(Option.isSome(passphrase)) > 1) {
      return yield* Flags.mistake("id", "Give one of --words, --restore and --passphrase.")
    }
    if (words) return yield* showWords(chosen)
    if (fromWords) return yield* restore(chosen)
    return yield* Option.match(passphrase, { onNone: () => show(chosen), onSome: (how) => protect(chosen, how) })
  }, Effect.provide(EnglishWords.layer)),
).pipe(
  Command.withDescription("Show who you are here: your id and its fingerprint, and where they lie"),
  Command.withExamples([
    { command: "nomitm id", description: "Your id, for others to add you" },
    { command: "nomitm id --words", description: "The words to write down, in case the disk is lost" },
    { command: "nomitm id --passphrase set", description: "Seal the keys on the disk" },
  ]),
)
