import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Bytes from "../../../src/domain/crypto/Bytes.ts"
import * as Message from "../../../src/domain/delivery/Message.ts"
import { bytes, integer, oneOf } from "../arbitraries.ts"

const written = (kind: number, body: Uint8Array): Uint8Array =>
  Bytes.concat(Uint8Array.of(kind, body.length >>> 16, body.length >>> 8, body.length), body)

/** What is read of a stream that comes in pieces of such lengths, one after the other and again. */
const readAll = (stream: Uint8Array, pieces: ReadonlyArray<number>) => {
  const bodies: Array<Uint8Array | undefined> = []
  const ends: Array<number> = []
  let reader: Message.Reader | undefined = Message.start
  for (let at = 0, i = 0; at < stream.length && reader !== undefined; i++) {
    const end = Math.min(stream.length, at + pieces[i % pieces.length]!)
    reader = Message.read(reader, stream.slice(at, end), (body, behind) => {
      bodies.push(body?.slice())
      ends.push(end - behind)
    })
    at = end
  }
  return { bodies, ends, reader }
}

describe("messages in a stream", () => {
  it.prop(
    "are read as they were written, however the stream is cut; those of other kinds are skipped",
    [
      Arbitrary.array(Arbitrary.all([oneOf(Arbitrary.Constant(1), integer(0, 255)), bytes]), { maxLength: 8 }),
      Arbitrary.array(oneOf(integer(1, 5), integer(1, 2000)), { minLength: 1, maxLength: 5 }),
    ],
    ([messages, pieces]) => {
      const all = messages.map(([kind, body]) => written(kind, body))
      const { bodies, ends, reader } = readAll(Bytes.concat(...all), pieces)
      assert.deepStrictEqual(
        bodies,
        messages.map(([kind, body]) => (kind === 1 ? Uint8Array.from(body) : undefined)),
      )
      let end = 0
      assert.deepStrictEqual(
        ends,
        all.map(({ length }) => (end += length)),
      )
      assert.strictEqual(reader, Message.start)
    },
    { arbitrary: { runs: 400, size: 40 } },
  )

  it("have at most 65,536 bytes: with one more nothing further can be read", () => {
    const longest = readAll(written(1, new Uint8Array(65_536)), [1180])
    assert.strictEqual(longest.bodies[0]?.length, 65_536)
    assert.isUndefined(readAll(written(1, new Uint8Array(65_537)), [1180]).reader)
    assert.isUndefined(readAll(written(77, new Uint8Array(65_537)), [2]).reader)
  })

  it("that are skipped take no memory while they come", () => {
    const skipped = readAll(written(2, new Uint8Array(60_000)).subarray(0, 50_000), [1000])
    assert.strictEqual(Message.kept(skipped.reader!), 0)
    const text = readAll(written(1, new Uint8Array(60_000)).subarray(0, 50_000), [1000])
    assert.strictEqual(Message.kept(text.reader!), 60_000)
  })
})
