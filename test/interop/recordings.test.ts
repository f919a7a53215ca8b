/**
 * Every recording has a verdict, and every verdict a recording and a reason that can be read.
 */
import { assert, describe, it } from "@effect/vitest"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import * as CapturePlay from "./CapturePlay.ts"
import * as Recording from "./Recording.ts"
import { client } from "./verdicts/client.ts"
import { peer } from "./verdicts/peer.ts"
import { server } from "./verdicts/server.ts"
import type { Verdicts } from "./verdicts/Verdict.ts"

const captures = Recording.idsIn("orig")
/** Two originals without a server have no TCP. */
const withServer = captures.filter((id) => Recording.read(id).events.some(({ conn }) => conn !== undefined))
const sides = (ids: ReadonlyArray<string>) =>
  ids.flatMap((id) => CapturePlay.sidesOf(Recording.read(id)).map((name) => `${id} ${name}`))

const assertListed = (verdicts: Verdicts, expected: ReadonlyArray<string>): void =>
  assert.deepStrictEqual(Object.keys(verdicts).toSorted(), [...expected].toSorted())

describe("The recordings", () => {
  it("are of the kinds that are played, and the count of stalls", () => {
    const played = (["tcp", "client", "udp", "orig"] as const).flatMap((kind) => Recording.idsIn(kind))
    assert.deepStrictEqual(Recording.ids, [...played, "race"].toSorted())
    assert.isAbove(played.length, 100)
  })

  it("of the original server, and captures with one, have a verdict on our server, and nothing else has", () =>
    assertListed(server, [...Recording.idsIn("tcp"), ...withServer]))

  it("of the original client, and each client in a capture, have a verdict on our client, and nothing else has", () =>
    assertListed(client, [...Recording.idsIn("client"), ...sides(withServer)]))

  it("of an original peer, and each peer in a capture, have a verdict on our peer, and nothing else has", () =>
    assertListed(peer, [...Recording.idsIn("udp"), ...sides(captures)]))

  it("differ only for reasons that the notes which came with them have a section for", () => {
    const notes = readFileSync(join(import.meta.dirname, "recordings/SPEC.md"), "utf8")
    const sections = notes.split(/^## /m).slice(1)
    for (const [id, verdict] of Object.entries({ ...server, ...client, ...peer })) {
      if (verdict === "same bytes") continue
      const [section, item] = verdict.differs.slice("SPEC section ".length).split(".") as [string, string | undefined]
      const text = sections.find((text) => text.startsWith(`${section}. `))
      assert.isDefined(text, `${id}: ${verdict.differs}`)
      if (item !== undefined) assert.include(text, `\n${item}. `, `${id}: ${verdict.differs}`)
      assert.isAbove(verdict.because.length, 20, id)
    }
  })
})
