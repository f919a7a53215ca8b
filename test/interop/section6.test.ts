/**
 * What a new server promises original clients (SPEC section 6), as far as no recording shows it.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as ErrorCode from "../../src/domain/ErrorCode.ts"
import * as ServerMessage from "../../src/domain/ServerMessage.ts"
import * as Username from "../../src/domain/Username.ts"
import * as PortAllocator from "../../src/services/PortAllocator.ts"
import { RendezvousServer } from "../../src/services/server/RendezvousServer.ts"
import * as Recording from "./Recording.ts"
import * as TcpWire from "./TcpWire.ts"
import { pass } from "./Wire.ts"

/** What the original client looks for anywhere in a line. */
const words = ["PORT", "STARTCHAT", "STARTUSERS"]

/** Our server on TCP, which draws the ports 40001, 40002, …; and clients who speak at times of their own. */
const setUp = Effect.gen(function* () {
  const wire = TcpWire.make()
  let drawn = 40_000
  const ports = Layer.succeed(PortAllocator.PortAllocator, {
    draw: () => Effect.sync(() => (drawn += 1)),
  })
  const server = yield* Layer.build(
    RendezvousServer.layer({ address: wire.bind, port: 0, dialect: "original" }).pipe(
      Layer.provide([wire.transport, ports]),
    ),
  )
  const { port } = (yield* Effect.provideContext(RendezvousServer, server)).local

  const join = Effect.fnUntraced(function* (name: string, host: number) {
    const script = yield* wire.connect(port, `127.0.0.${host}`)
    let read = 0
    const say = (text: string) => Effect.andThen(script.send(Buffer.from(text)), wire.settle)
    /** The lines since the last time. */
    const heard = Effect.sync(() => {
      const lines = Recording.lines(script.received(), script.ended())
      const fresh = lines.slice(read)
      read = lines.length
      return fresh
    })
    if (name !== "") yield* say(`REGISTER ${name}\n`)
    yield* heard
    return { say, heard }
  })

  return { join, wait: (millis: number) => pass(wire, millis) }
})

describe("SPEC 6.2: no line but theirs contains PORT, STARTCHAT or STARTUSERS", () => {
  it("no ERROR does", () => {
    for (const code of ErrorCode.all) {
      const line = ServerMessage.encode("original", { _tag: "Error", code, about: Username.parse("bob") })
      assert.strictEqual(line, `ERROR ${code}\n`)
      for (const word of words) assert.notInclude(line, word)
    }
  })

  it.effect("names that do, ENDUSERS, the empty one and those with control characters are refused", () =>
    Effect.gen(function* () {
      const { join } = yield* setUp
      const client = yield* join("", 2)
      for (const name of [...words, "PORTER", "xPORT", "aSTARTCHATb", "ENDUSERS", "", "a\tb", "a\u0007", "a\u0000"]) {
        yield* client.say(`REGISTER ${name}\n`)
        assert.deepStrictEqual(yield* client.heard, ["ERROR Name_invalid"], JSON.stringify(name))
      }
      yield* client.say("REGISTER Porter\nLISTUSERS\n")
      assert.deepStrictEqual(yield* client.heard, ["REGISTERED Porter OK", "STARTUSERS", "Porter", "ENDUSERS"])
    }),
  )
})

it.effect("SPEC 6.3: a list is one block, whatever happens to its reader meanwhile", () =>
  Effect.gen(function* () {
    const { join } = yield* setUp
    const names = Array.from({ length: 60 }, (_, i) => `user${i}`)
    for (const name of names) yield* join(name, 2)
    const reader = yield* join("reader", 3)
    const caller = yield* join("caller", 4)
    const [, said] = yield* Effect.all(
      [caller.say("CHAT reader\n".repeat(5)), Effect.andThen(reader.say("LISTUSERS\n".repeat(20)), reader.heard)],
      { concurrency: 2 },
    )
    const block = ["STARTUSERS", ...names, "reader", "caller", "ENDUSERS"]
    const text = said.join("\n")
    assert.strictEqual(text.split(block.join("\n")).length, 21)
    assert.include(text, "PORT 40001")
  }),
)

describe("SPEC 6.4: a surplus OK does not answer the next PORT", () => {
  for (const millis of [0, 1, 42, 300]) {
    it.effect(`when it comes ${millis} ms late, and the next port is refused, there is no chat on it`, () =>
      Effect.gen(function* () {
        const { join, wait } = yield* setUp
        const a = yield* join("a", 2)
        const b = yield* join("b", 3)
        yield* a.say("CHAT b\n")
        assert.deepStrictEqual(yield* a.heard, ["OK", "PORT 40001"])
        yield* a.say("OK\n")
        yield* b.say("ERROR\n")
        yield* wait(millis)
        yield* a.say("OK\n")
        yield* wait(1000)
        assert.deepStrictEqual(yield* a.heard, ["PORT 40002"])
        assert.deepStrictEqual(yield* b.heard, ["PORT 40001", "PORT 40002"])
        yield* b.say("OK\nOK\n")
        yield* wait(1000)
        assert.deepStrictEqual(yield* a.heard, [])
        yield* a.say("ERROR\n")
        yield* wait(1000)
        assert.deepStrictEqual(yield* a.heard, ["PORT 40003"])
      }),
    )
  }

  it.effect("one that comes after the next PORT is held until the answer follows", () =>
    Effect.gen(function* () {
      const { join, wait } = yield* setUp
      const a = yield* join("a", 2)
      const b = yield* join("b", 3)
      yield* a.say("CHAT b\n")
      yield* a.say("OK\n")
      yield* b.say("ERROR\n")
      // Longer than a server keeps the next question back for it.
      yield* wait(600)
      assert.deepStrictEqual(yield* a.heard, ["OK", "PORT 40001", "PORT 40002"])
      yield* b.say("OK\nOK\n")
      yield* a.say("OK\n")
      yield* wait(40)
      yield* a.say("ERROR\n")
      yield* wait(1000)
      assert.deepStrictEqual(yield* a.heard, ["PORT 40003"])
    }),
  )

  it.effect("from a client that has been seen to double, it is swallowed even when it comes after the next PORT", () =>
    Effect.gen(function* () {
      const { join, wait } = yield* setUp
      const a = yield* join("a", 2)
      const b = yield* join("b", 3)
      yield* a.say("CHAT b\n")
      yield* a.say("OK\nOK\n")
      yield* b.say("OK\nOK\n")
      yield* wait(100)
      yield* a.heard
      yield* b.heard
      yield* a.say("CHAT b\n")
      yield* a.say("OK\n")
      yield* b.say("ERROR\n")
      assert.deepStrictEqual(yield* a.heard, ["OK", "PORT 40002", "PORT 40003"])
      yield* wait(42)
      yield* a.say("OK\n")
      yield* b.say("OK\nOK\n")
      yield* wait(2000)
      assert.deepStrictEqual(yield* a.heard, [], "its answer to the last PORT is still to come")
      yield* a.say("ERROR\n")
      yield* wait(100)
      assert.deepStrictEqual(yield* a.heard, ["PORT 40004"])
    }),
  )
})

describe("SPEC 6.5: nobody waits for ever, and nobody is closed for what others do", () => {
  for (const who of ["caller", "callee"] as const) {
    it.effect(`when the ${who} does not answer, both are told, and both can call again`, () =>
      Effect.gen(function* () {
        const { join, wait } = yield* setUp
        const a = yield* join("a", 2)
        const b = yield* join("b", 3)
        yield* a.say("CHAT b\n")
        yield* (who === "caller" ? b : a).say("OK\nOK\n")
        yield* wait(6000)
        assert.deepStrictEqual(yield* a.heard, ["OK", "PORT 40001", "ERROR No_answer"])
        assert.deepStrictEqual(yield* b.heard, ["PORT 40001", "ERROR No_answer"])
        yield* b.say("CHAT a\n")
        yield* wait(600)
        assert.deepStrictEqual(yield* b.heard, ["OK", "PORT 40002"])
      }),
    )
  }

  it.effect("when one leaves between its answer and the other's, the other is told at once", () =>
    Effect.gen(function* () {
      const { join, wait } = yield* setUp
      const a = yield* join("a", 2)
      const b = yield* join("b", 3)
      yield* a.say("CHAT b\n")
      yield* b.say("OK\nOK\nCLOSE\n")
      yield* wait(100)
      assert.deepStrictEqual(yield* a.heard, ["OK", "PORT 40001", "ERROR Peer_gone"])
      yield* a.say("HELLO\n")
      assert.deepStrictEqual(yield* a.heard, ["HELLO"])
    }),
  )
})

it("SPEC 6.1: the lines that original clients know are spelled as they know them", () => {
  const encode = (message: ServerMessage.ServerMessage) => ServerMessage.encode("original", message)
  const name = Option.getOrThrow(Username.parse("bob"))
  assert.strictEqual(encode({ _tag: "Hello" }), "HELLO\n")
  assert.strictEqual(encode({ _tag: "Registered", name }), "REGISTERED bob OK\n")
  assert.strictEqual(encode({ _tag: "Error", code: "User_exists", about: Option.some(name) }), "ERROR User_exists\n")
  assert.strictEqual(encode({ _tag: "Users", names: [name] }), "STARTUSERS\nbob\nENDUSERS\n")
  assert.strictEqual(encode({ _tag: "AskPort", port: 40001 }), "PORT 40001\n")
  const endpoint = { address: "fd77::3", port: 40001 }
  const startChat = encode({ _tag: "StartChat", endpoint, name: Option.some(name) })
  assert.strictEqual(startChat, "STARTCHAT fd77:0:0:0:0:0:0:3 40001 bob\n")
})
