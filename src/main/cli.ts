/**
 * The commands of `nomitm`.
 */
import * as Effect from "effect/Effect"
import * as Stdio from "effect/Stdio"
import * as Command from "effect/cli/Command"
import * as PersonId from "../domain/identity/PersonId.ts"
import { contacts } from "./contacts.ts"
import { id } from "./id.ts"
import { invite } from "./invite.ts"
import { netcheck } from "./netcheck.ts"
import { peer } from "./peer.ts"
import { release } from "./release.ts"
import { server } from "./server.ts"
import { version } from "./version.ts"

const nomitm = Command.make("nomitm").pipe(
  Command.withDescription("Talk to someone directly, with nobody in the middle."),
  Command.withSubcommands([server, peer, id, contacts, invite, release, netcheck]),
)

/** One id in 64 begins with a dash, and is no flag; `contacts` takes the prefix off. */
const notAFlag = (argument: string): string =>
  argument.startsWith("-") && PersonId.isPersonId(argument) ? `id:${argument}` : argument

export const run = Effect.gen(function* () {
  const stdio = yield* Stdio.Stdio
  return yield* Command.runWith(nomitm, { version })((yield* stdio.args).map(notAFlag))
})
