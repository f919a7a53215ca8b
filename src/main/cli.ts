/**
 * The commands of `nomitm`.
 */
import * as Command from "effect/cli/Command"
import { peer } from "./peer.ts"
import { server } from "./server.ts"
import { version } from "./version.ts"

const nomitm = Command.make("nomitm").pipe(
  Command.withDescription("Talk to someone directly, with nobody in the middle."),
  Command.withSubcommands([server, peer]),
)

export const run = Command.run(nomitm, { version })
