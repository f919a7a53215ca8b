/**
 * `nomitm contacts`: the people whose keys are known.
 */
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Argument from "effect/cli/Argument"
import * as CliError from "effect/cli/CliError"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as NodeHash from "../adapters/node/NodeHash.ts"
import * as TextFile from "../adapters/node/TextFile.ts"
import { formatHostPort } from "../domain/Endpoint.ts"
import * as Fingerprint from "../domain/identity/Fingerprint.ts"
import * as PersonId from "../domain/identity/PersonId.ts"
import * as PersonName from "../domain/PersonName.ts"
import { json as jsonText, oneLine } from "../domain/PrintableText.ts"
import { make as problem } from "../domain/Problem.ts"
import * as Contact from "../domain/profile/Contact.ts"
import * as ContactFile from "../domain/profile/ContactFile.ts"
import * as ServerAddress from "../domain/ServerAddress.ts"
import { failWith } from "./CommandFailed.ts"
import * as Flags from "./flags.ts"
import * as Profile from "./profile.ts"

const shown = (contact: Contact.Contact) => ({ ...contact, fingerprint: Fingerprint.of(NodeHash.hash, contact.id) })

/** A label has letters and digits only, so what stands beside it is ours. */
const row = (contact: Contact.Contact, width: number): string => {
  const { label, trust, name, server, fingerprint } = shown(contact)
  const where = server === "" ? "" : `  ${oneLine(name)} at ${oneLine(server)}`
  return `${label.padEnd(width)}  ${trust.padEnd(10)}  ${fingerprint}${where}`
}

const counted = (count: number): string => (count === 1 ? "1 contact" : `${count} contacts`)

const list = Effect.fnUntraced(function* (chosen: Profile.Chosen) {
  const { contacts } = yield* Profile.ask(chosen, { _tag: "Contacts" }, "Contacts")
  if (chosen.json) return yield* Console.log(jsonText({ event: "contacts", contacts: contacts.map(shown) }))
  if (contacts.length === 0)
    return yield* Console.log("No contacts yet. Whoever you chat with becomes one, if something says who they are.")
  const width = Math.min(32, Math.max(...contacts.map(({ label }) => label.length)))
  yield* Console.log(contacts.map((contact) => row(contact, width)).join("\n"))
})

const book = Command.make("contacts").pipe(Command.withSharedFlags(Profile.flags), Command.withHandler(list))

/** Says what became of one contact. */
const said = (chosen: Profile.Chosen, event: string, contact: Contact.Contact, words: string) =>
  Console.log(chosen.json ? jsonText({ event, contact: shown(contact) }) : words)

const label = Argument.String("name").pipe(
  Argument.withMetavar("NAME"),
  Argument.withDescription("What you call them: letters and digits"),
  Argument.mapEffect((typed) => {
    const folded = PersonName.fold(typed)
    return Option.match(Contact.labelProblem(folded), {
      onNone: () => Effect.succeed(folded as Contact.Label),
      onSome: (message) => Effect.fail(new CliError.ValidationError({ message })),
    })
  }),
)

/** See `notAFlag` in cli.ts. */
const withoutPrefix = (typed: string): string => (typed.startsWith("id:") ? typed.slice(3) : typed)

const who = Argument.String("contact").pipe(
  Argument.withMetavar("CONTACT"),
  Argument.withDescription("What you call them, or their id"),
  Argument.filter(
    (typed) => typed.length <= 128,
    () => "a contact",
  ),
  Argument.map(withoutPrefix),
)

const add = Command.make(
  "add",
  {
    label,
    id: Argument.String("id").pipe(
      Argument.withMetavar("ID"),
      Argument.withDescription("Their id, as their nomitm id shows it"),
      Argument.mapEffect((typed) =>
        Effect.mapError(
          Effect.fromOption(PersonId.parse(withoutPrefix(typed))),
          () => new CliError.ValidationError({ message: "An id has 43 letters, digits, - and _: nomitm id shows it." }),
        ),
      ),
    ),
    server: Flags.hostPort("server", ServerAddress.defaultPort).pipe(
      Flag.withDescription("Where they have that name"),
      Flag.optional,
    ),
  },
  Effect.fnUntraced(function* ({ label, id, server }) {
    const chosen = yield* book
    const at = Option.match(server, { onNone: () => "", onSome: ({ host, port }) => formatHostPort(host, port) })
    const { contact } = yield* Profile.ask(chosen, { _tag: "Add", label, id, server: at }, "Contact")
    yield* said(chosen, "contact_added", contact, `${contact.label} is a contact now: ${shown(contact).fingerprint}`)
  }),
).pipe(Command.withDescription("Pin somebody's key, whose id you have from them"))

const rename = Command.make(
  "rename",
  { who, label },
  Effect.fnUntraced(function* ({ who, label }) {
    const chosen = yield* book
    const { contact } = yield* Profile.ask(chosen, { _tag: "Rename", who, label }, "Contact")
    yield* said(chosen, "contact_renamed", contact, `They are called ${contact.label} now.`)
  }),
).pipe(Command.withDescription("Call somebody otherwise; they are not told"))

const forget = Command.make(
  "forget",
  { who },
  Effect.fnUntraced(function* ({ who }) {
    const chosen = yield* book
    const { contact } = yield* Profile.ask(chosen, { _tag: "Forget", who }, "Contact")
    yield* said(chosen, "contact_forgotten", contact, `${contact.label} and their key are forgotten.`)
  }),
).pipe(Command.withDescription("Drop a key and what is known of it: whoever comes under that name is a stranger"))

const exportTo = Command.make(
  "export",
  {
    file: Argument.String("file").pipe(
      Argument.withMetavar("FILE"),
      Argument.withDescription("A new file; standard output without it"),
      Argument.optional,
    ),
  },
  Effect.fnUntraced(function* ({ file }) {
    const chosen = yield* book
    const { contacts } = yield* Profile.ask(chosen, { _tag: "Contacts" }, "Contacts")
    const text = ContactFile.encode({ contacts })
    if (Option.isNone(file)) return yield* Console.log(text.trimEnd())
    yield* TextFile.create(file.value, text).pipe(
      Effect.catch(({ message, hint }) => failWith(problem("Export_failed", message, hint), chosen.json)),
    )
    yield* Console.log(
      chosen.json
        ? jsonText({ event: "exported", file: file.value, count: contacts.length })
        : `${counted(contacts.length)} in ${oneLine(file.value)}.`,
    )
  }),
).pipe(Command.withDescription("Write all contacts into a file, for another device or as a backup"))

const why: Record<string, string> = {
  TooLarge: "is larger than any list of contacts",
  NotThis: "is no file of contacts, or damaged",
  TooNew: "was written by a later version of nomitm",
}

const importFrom = Command.make(
  "import",
  {
    file: Argument.String("file").pipe(Argument.withMetavar("FILE"), Argument.withDescription("What export wrote")),
    trusted: Flag.Boolean("trusted").pipe(
      Flag.withDescription("The file is your own: take over its trust states, too"),
      Flag.withDefault(false),
    ),
  },
  Effect.fnUntraced(function* ({ file, trusted }) {
    const chosen = yield* book
    const text = yield* TextFile.read(file, ContactFile.maxBytes).pipe(
      Effect.catch(({ message, hint }) => failWith(problem("Import_failed", message, hint), chosen.json)),
    )
    const read = ContactFile.decode(text)
    if (Result.isFailure(read)) {
      const message = `${file} ${why[read.failure]}.`
      return yield* failWith(
        problem("Import_failed", message, "Export it again: nomitm contacts export FILE."),
        chosen.json,
      )
    }
    const request = { _tag: "Import", contacts: read.success.contacts, trusted } as const
    const { added, kept, refused } = yield* Profile.ask(chosen, request, "Imported")
    if (chosen.json) return yield* Console.log(jsonText({ event: "imported", added, kept, refused }))
    yield* Console.log(`${counted(added.length)} added, ${kept.length} known already.`)
    if (refused.length > 0) {
      const names = refused.slice(0, 20).map(oneLine).join(", ")
      yield* Console.log(`Not taken, since another contact has that name: ${names}${refused.length > 20 ? " …" : ""}`)
    }
  }),
).pipe(Command.withDescription("Take in contacts of a file; no key or name you have is replaced"))

export const contacts = book.pipe(
  Command.withDescription("The people whose keys you know: list, add, rename, forget, export, import"),
  Command.withSubcommands([
    Command.make("list", {}, () => Effect.flatMap(book, list)).pipe(Command.withDescription("Show them all")),
    add,
    rename,
    forget,
    exportTo,
    importFrom,
  ]),
  Command.withExamples([
    { command: "nomitm contacts", description: "List them, with how sure their keys are" },
    { command: "nomitm contacts rename bob-2 bob-from-work", description: "Call somebody otherwise" },
    { command: "nomitm contacts export friends.json", description: "For another device: contacts import friends.json" },
  ]),
)
