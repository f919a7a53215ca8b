/** The examples of embedding, run as a reader would run them. */
import { execFile } from "node:child_process"
import { join } from "node:path"
import { promisify } from "node:util"
import { assert, describe, it } from "vitest"

const run = async (example: string): Promise<string> => {
  const file = join(import.meta.dirname, "../examples", example)
  const { stdout, stderr } = await promisify(execFile)(process.execPath, ["--conditions=nomitm-source", file], {
    timeout: 50_000,
  })
  assert.strictEqual(stderr, "")
  return stdout
}

describe("an example of embedding", () => {
  it("serves inside another program, and ends with it", async () => {
    const output = await run("embedded-server.ts")
    assert.match(output, /^server: \{"event":"listening","host":"127\.0\.0\.1","port":\d+\}$/m)
    assert.match(output, /Clients may connect to 127\.0\.0\.1:\d+/)
    assert.match(output, /its server with it/)
  })

  it("lets two peers talk over the in-memory network", async () => {
    assert.deepEqual((await run("two-peers-in-memory.ts")).trimEnd().split("\n"), [
      "alice hears bob, bob hears alice",
      "bob reads: hello through two NATs",
      "the chat is over for bob: closed_by_peer",
    ])
  })

  it("lets two peers with keys call, talk and compare, and refuses a call to another key", async () => {
    assert.deepEqual((await run("sealed-peers-in-memory.ts")).trimEnd().split("\n"), [
      "it rings at bob's: alice",
      "bob reads: nobody in the middle?",
      "both see the same three words: true",
      "the chat is over for bob: closed_by_peer",
      "alice expects another key: Key_changed",
    ])
  })
})
