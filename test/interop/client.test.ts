/**
 * The recordings of the original client: their server against our client, over TCP and in memory.
 */
import { describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as ClientPlay from "./ClientPlay.ts"
import * as MemoryWire from "./MemoryWire.ts"
import * as Recording from "./Recording.ts"
import * as TcpWire from "./TcpWire.ts"
import { client } from "./verdicts/client.ts"
import { check, title } from "./verdicts/Verdict.ts"

for (const [id, verdict] of Object.entries(client)) {
  describe(title(id, verdict), () => {
    const [file, name] = id.split(" ") as [string, string | undefined]
    const recording = Recording.read(file)
    const part = name === undefined ? ClientPlay.partOf(recording) : ClientPlay.partOfCapture(recording, name)

    it.effect("our client over TCP", () =>
      Effect.gen(function* () {
        check(verdict, part.said, yield* ClientPlay.play(TcpWire.make(), part))
      }),
    )

    it.effect("our client in memory", () =>
      Effect.gen(function* () {
        check(verdict, part.said, yield* ClientPlay.play(yield* MemoryWire.make, part))
      }),
    )
  })
}
