import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import * as PrintableText from "../../src/domain/PrintableText.ts"
import { ServerEvent } from "../../src/domain/ServerEvent.ts"

const events: ReadonlyArray<ServerEvent> = [
  { event: "listening", host: "0.0.0.0", port: 6969 },
  { event: "listening", host: "192.0.2.1", port: 6969, udp: [6969, 6970], alternate: "192.0.2.2" },
  { event: "registered", name: "alice", address: "192.0.2.1" },
  { event: "left", name: "alice" },
  { event: "call", from: "alice", to: "bob" },
  { event: "chat", from: "alice", to: "bob", port: 55000 },
  { event: "chat", from: "alice", to: "bob" },
  { event: "failed", from: "alice", to: "bob", code: "Busy" },
  { event: "refused", address: "192.0.2.1", code: "Server_full" },
  { event: "error", code: "Port_in_use", message: "Another program has the port.", hint: "Take another with --port." },
]

describe("a server's event with --json", () => {
  it.each(events)("is one object a line, and read back it is the same: $event", (event) => {
    const line = PrintableText.json(event)
    assert.notMatch(line, /[\r\n]/)
    assert.deepStrictEqual(Schema.decodeUnknownSync(ServerEvent)(JSON.parse(line)), event)
  })

  it("has its name in the field event", () =>
    assert.strictEqual(PrintableText.json(events[3]), '{"event":"left","name":"alice"}'))
})
