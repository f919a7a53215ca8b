/**
 * `nomitm invite`: a link for one person, who then calls, and both know at once that the other is the one meant.
 */
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as NodeKnownServers from "../adapters/node/NodeKnownServers.ts"
import * as QrCode from "../adapters/node/QrCode.ts"
import * as InvitationTime from "../domain/profile/InvitationTime.ts"
import { json as jsonText } from "../domain/PrintableText.ts"
import { make as problem } from "../domain/Problem.ts"
import * as ServerAddress from "../domain/ServerAddress.ts"
import { KnownServers } from "../services/KnownServers.ts"
import { failWith } from "./CommandFailed.ts"
import * as Flags from "./flags.ts"
import * as Profile from "./profile.ts"

const flags = {
  ...Profile.flags,
  server: Flag.String("server").pipe(
    Flag.withMetavar("URL"),
    Flag.withDescription(
      "Where you can be called: the address with its pin, nomitm://HOST:PORT#PIN (or NOMITM_SERVER)",
    ),
    Flag.optional,
  ),
  expires: Flag.String("expires").pipe(
    Flag.withMetavar("TIME"),
    Flag.withDescription("How long it is good for: 30m, 24h, 7d (default 24h)"),
    Flag.withDefault("24h"),
  ),
}

const mistake = (message: string) => Flags.mistake("invite", message)

/** The guest knows nothing of the server yet: where the address has no pin, the key remembered here goes with it. */
const withKnownPin = Effect.fnUntraced(function* (address: ServerAddress.ServerAddress, chosen: Profile.Chosen) {
  if (address.pins.length > 0) return address
  const { home } = yield* Profile.located(chosen)
  const known = yield* Effect.flatMap(KnownServers, ({ find }) => find(address)).pipe(
    Effect.provide(NodeKnownServers.layer(home)),
    Effect.catch(({ message, hint }) => failWith(problem("Known_servers", message, hint), chosen.json)),
  )
  return known === undefined ? address : { ...address, pins: [known] }
})

/** What to tell about a link to a server whose key nobody here knows. */
const withoutPin = (address: ServerAddress.ServerAddress): string =>
  "nomitm: The link says nothing about the server's key: no pin was given, and none is remembered here. Unless an " +
  "authority vouches for the server, your guest can't tell it from another. " +
  `Give its address as it prints it: --server ${ServerAddress.format(address)}#PIN`

export const invite = Command.make(
  "invite",
  flags,
  Effect.fnUntraced(function* ({ server, expires, ...chosen }) {
    const address = Option.getOrElse(server, () => process.env["NOMITM_SERVER"] ?? "")
    if (address === "") return yield* mistake("Say where you can be called: --server URL.")
    const parsed = ServerAddress.parse(address)
    if (Result.isFailure(parsed)) return yield* mistake(`--server ${Flags.notAServer(address, parsed.failure)}`)
    const seconds = InvitationTime.parse(expires)
    if (Option.isNone(seconds)) return yield* mistake(`--expires ${expires}: not a time such as 30m, 24h or 7d.`)
    const place = yield* withKnownPin(parsed.success, chosen)
    const request = { _tag: "Invite", server: ServerAddress.format(place), seconds: seconds.value } as const
    const { link, expiry } = yield* Profile.ask(chosen, request, "Invitation")
    if (place.pins.length === 0) yield* Console.error(withoutPin(place))
    if (chosen.json) return yield* Console.log(jsonText({ event: "invitation", link, expiry }))
    if (!process.stdout.isTTY) return yield* Console.log(link)
    yield* Console.log(
      `* Send this link to one person, on a way that you trust. It works once, for ${expires}:\n${link}`,
    )
    const { rows, columns } = yield* QrCode.draw(link)
    if (columns <= process.stdout.columns) yield* Console.log(rows.join("\n"))
  }),
).pipe(
  Command.withDescription("Make a link that brings one person to you, proven at first contact"),
  Command.withExamples([
    {
      command: "nomitm invite --server nomitm://chat.example.org#PIN",
      description: "A link for one person, good for a day",
    },
  ]),
)
