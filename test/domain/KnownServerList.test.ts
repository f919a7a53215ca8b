import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import * as KnownServerList from "../../src/domain/KnownServerList.ts"
import { formatKey } from "../../src/domain/ServerAddress.ts"
import * as arbitraries from "./arbitraries.ts"

const key = (byte: number) => new Uint8Array(32).fill(byte)
const one = { host: "one.example", port: 6969 }
const two = { host: "2001:db8::1", port: 7000 }

describe("the list of known servers", () => {
  it("has a key for each host and port", () => {
    const list = KnownServerList.withKey(KnownServerList.withKey("", one, key(1)), two, key(2))
    assert.strictEqual(list, `one.example:6969 ${formatKey(key(1))}\n[2001:db8::1]:7000 ${formatKey(key(2))}\n`)
    assert.deepStrictEqual(KnownServerList.find(list, one), key(1))
    assert.deepStrictEqual(KnownServerList.find(list, two), key(2))
    assert.isUndefined(KnownServerList.find(list, { ...one, port: 6970 }))
    assert.isUndefined(KnownServerList.find(list, { ...one, host: "ne.example" }))
  })

  it("knows a host however its name is written", () => {
    const list = KnownServerList.withKey("", { host: "One.Example.", port: 6969 }, key(1))
    assert.deepStrictEqual(KnownServerList.find(list, { host: "ONE.example", port: 6969 }), key(1))
  })

  it("replaces a key, and forgets one, wherever it stands", () => {
    let list = KnownServerList.withKey(KnownServerList.withKey("", one, key(1)), two, key(2))
    list = KnownServerList.withKey(list, one, key(3))
    assert.deepStrictEqual(KnownServerList.find(list, one), key(3))
    assert.lengthOf(list.trim().split("\n"), 2)
    list = KnownServerList.without(list, one)
    assert.isUndefined(KnownServerList.find(list, one))
    assert.deepStrictEqual(KnownServerList.find(list, two), key(2))
  })

  it("loses nothing because of lines that are spoilt, and keeps them", () => {
    const spoilt = `# mine\none.example:6969\n\u0000\u0001 ${"x".repeat(1000)}\none.example:6969 short\n`
    const list = `${spoilt}[2001:db8::1]:7000 ${formatKey(key(2))}\r\ncut off in the mid`
    assert.isUndefined(KnownServerList.find(list, one))
    assert.deepStrictEqual(KnownServerList.find(list, two), key(2))
    const after = KnownServerList.withKey(list, one, key(1))
    assert.deepStrictEqual(KnownServerList.find(after, one), key(1))
    assert.deepStrictEqual(KnownServerList.find(after, two), key(2))
    for (const kept of ["# mine", "\u0000\u0001 xxx", "cut off in the mid\n"]) assert.include(after, kept)
  })

  const Server = Schema.Struct({ host: Schema.Literals(["a", "b", "a.b", "::1"]), port: Schema.Literals([1, 2, 12]) })
  const Byte = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 255 }))
  it.prop(
    "remembers for each server the last key it was given, whatever stood there before",
    [arbitraries.text, Schema.Array(Schema.Struct({ server: Server, key: Byte }))],
    ([junk, events]) => {
      const last = new Map<string, number>()
      let list = `${junk.replaceAll(/^(?=[ab:[])/gm, "#")}`
      for (const event of events) {
        list = KnownServerList.withKey(list, event.server, key(event.key))
        last.set(`${event.server.host} ${event.server.port}`, event.key)
      }
      for (const event of events) {
        const expected = last.get(`${event.server.host} ${event.server.port}`)!
        assert.deepStrictEqual(KnownServerList.find(list, event.server), key(expected))
      }
    },
    arbitraries.thorough,
  )
})
