/**
 * The commands of `nomitm`.
 */
import * as Command from "effect/cli/Command"
import { contacts } from "./contacts.ts"
import { id } from "./id.ts"
import { invite } from "./invite.ts"
import { peer } from "./peer.ts"
import { server } from "./server.ts"
import { version } from "./version.ts"

const nomitm = Command.make("nomitm").pipe(
  Command.withDescription("Talk to someone directly, with nobody in the middle."),
  Command.withSubcommands([server, peer, id, contacts, invite]),
)

export const run = Command.run(nomitm, { version })
