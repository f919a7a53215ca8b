/**
 * The recordings of original peers: their other side against our chat session.
 */
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { ChatSession } from "../../src/services/chat/ChatSession.ts"
import * as CapturePlay from "./CapturePlay.ts"
import * as PeerPlay from "./PeerPlay.ts"
import * as Recording from "./Recording.ts"
import { peer } from "./verdicts/peer.ts"
import { check, title } from "./verdicts/Verdict.ts"

/** An original gives a chat up after so long without a token, in milliseconds. */
const originalPatienceMillis = 20_000

for (const [id, verdict] of Object.entries(peer)) {
  it.effect(title(id, verdict), () =>
    Effect.gen(function* () {
      const [file, self] = id.split(" ") as [string, string | undefined]
      const recording = Recording.read(file)
      if (self === undefined) {
        const outcome = yield* PeerPlay.play(PeerPlay.partOf(recording))
        return check(verdict, PeerPlay.recorded(recording), PeerPlay.transcriptOf(outcome))
      }
      const part = CapturePlay.partOf(recording, self)
      const outcome = yield* PeerPlay.play(part)
      check(verdict, CapturePlay.recorded(recording, self), CapturePlay.transcriptOf(outcome))
      if (outcome.state === "open") {
        assert.isBelow(CapturePlay.longestWithoutToken(outcome, part.endsAt), originalPatienceMillis)
      }
    }).pipe(Effect.provide(ChatSession.layer)),
  )
}
