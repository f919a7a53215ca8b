/**
 * That `npm run bench` works, not how fast anything is: a busy machine must not fail the suite.
 */
import { assert, describe, it } from "@effect/vitest"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtemp, readFile, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Figure } from "../bench/Figure.ts"

const ids = [
  "help",
  "line-round-trips",
  "negotiations",
  "negotiation-cpu",
  "idle-client-rss",
  "idle-client-rss-at-once",
  "idle-client-heap",
  "message-round-trip-p50",
  "message-round-trip-p99",
  "message-round-trip-fiber-p50",
  "messages-one-way",
  "messages-one-way-fiber",
  "handshake-wall",
  "handshake-cpu",
  "record-64",
  "record-1200",
  "record-64-node",
  "record-1200-node",
  "record-unknown",
  "record-forged-64",
  "record-forged-1200",
  "sealed-round-trip-p50",
  "sealed-round-trip-p99",
  "sealed-one-way",
  "chat-rss",
  "chat-rss-at-once",
  "chat-heap",
  "first-message",
]

describe("a quick run of the bench", () => {
  it("has a number for every figure and for its floor", { timeout: 240_000 }, async () => {
    const folder = await mkdtemp(join(tmpdir(), "nomitm-bench-"))
    try {
      const out = join(folder, "figures.json")
      const bench = join(import.meta.dirname, "../bench/bench.ts")
      const child = spawn(process.execPath, [bench, "--quick", "--out", out], { stdio: ["ignore", "pipe", "inherit"] })
      let table = ""
      child.stdout.setEncoding("utf8").on("data", (text: string) => {
        table += text
      })
      assert.deepStrictEqual(await once(child, "close"), [0, null])

      const { figures } = JSON.parse(await readFile(out, "utf8")) as { readonly figures: ReadonlyArray<Figure> }
      assert.deepStrictEqual(
        figures.map(({ id }) => id),
        ids,
      )
      for (const { id, name, program, floor, compared } of figures) {
        for (const value of [program.median, floor.median]) {
          assert.isTrue(Number.isFinite(value) && value > 0, `${id}: ${value}`)
        }
        assert.isTrue(Number.isFinite(compared.median), id)
        assert.include(table, name)
      }
    } finally {
      await rm(folder, { recursive: true })
    }
  })
})
