/**
 * The recordings of the original server: their clients against our server, over TCP and in memory.
 */
import { describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { networkInterfaces } from "node:os"
import * as MemoryWire from "./MemoryWire.ts"
import * as Recording from "./Recording.ts"
import * as ServerPlay from "./ServerPlay.ts"
import * as TcpWire from "./TcpWire.ts"
import { server } from "./verdicts/server.ts"
import { check, title } from "./verdicts/Verdict.ts"

const hasIpv6 = Object.values(networkInterfaces()).some((all) => all?.some(({ address }) => address === "::1"))

for (const [id, verdict] of Object.entries(server)) {
  describe(title(id, verdict), () => {
    const recording = Recording.read(id)
    const recorded = Recording.transcript(recording.events, "s2c")
    const isIpv6 = recording.events.some(({ client_ip }) => client_ip?.includes(":"))

    if (!isIpv6 || hasIpv6) {
      it.effect("our server over TCP", () =>
        Effect.gen(function* () {
          const wire = TcpWire.make(isIpv6 ? "::" : "127.0.0.1")
          check(verdict, recorded, yield* ServerPlay.play(wire, recording))
        }),
      )
    }

    it.effect("our server in memory", () =>
      Effect.gen(function* () {
        check(verdict, recorded, yield* ServerPlay.play(yield* MemoryWire.make, recording))
      }),
    )
  })
}
