/**
 * `nomitm1-reach.json` once more, as someone would who has PROTOCOL.md only: other primitives (@noble), and none of the
 * project's code.
 */
import { assert, describe, it } from "@effect/vitest"
import { chacha20poly1305 } from "@noble/ciphers/chacha.js"
import { hkdf } from "@noble/hashes/hkdf.js"
import { sha256 } from "@noble/hashes/sha2.js"
import own from "./nomitm1-reach.json" with { type: "json" }
import { bytes, hex, join } from "./transcript.ts"

const empty = new Uint8Array(0)
const key = (ikm: string, label: string): Uint8Array =>
  hkdf(sha256, bytes(ikm), empty, new TextEncoder().encode(`nomitm/1 ${label}`), 32)
const number = (value: number, length: number): Uint8Array => bytes(value.toString(16).padStart(2 * length, "0"))

/** Of the two addresses that are written here in full. */
const addressOf = (address: string): Uint8Array =>
  address === "2001:db8::17"
    ? bytes(`20010db8${"0".repeat(20)}0017`)
    : Uint8Array.from(address.split("."), (part) => Number(part))
const family = (address: string): Uint8Array => Uint8Array.of(address.includes(":") ? 6 : 4)

describe("section 14.4: where am I seen?", () => {
  it("the keys of both directions", () => {
    assert.strictEqual(hex(key(own.key, "lookup request")), own.requestKey)
    assert.strictEqual(hex(key(own.key, "lookup reply")), own.replyKey)
  })

  it.each(own.lookups)("seen at $from.address", ({ from, transaction, question, answer }) => {
    const nonce = bytes(transaction)
    const signed = join(Uint8Array.of(4, 0, 0, 0), bytes(own.token), nonce, new Uint8Array(16))
    const tag = chacha20poly1305(bytes(own.requestKey), nonce, signed).encrypt(empty)
    assert.strictEqual(hex(join(signed, tag)), question)
    assert.lengthOf(bytes(question), 64)

    const header = join(Uint8Array.of(5, 0, 0, 0), nonce)
    const address = addressOf(from.address)
    const seen = join(family(from.address), new Uint8Array(16 - address.length), address, number(from.port, 2))
    const sealed = chacha20poly1305(bytes(own.replyKey), nonce, header).encrypt(seen)
    assert.strictEqual(hex(join(header, sealed)), answer)
    assert.lengthOf(bytes(answer), 51)
  })
})

describe("section 15.3: candidates", () => {
  it("the link keys", () => {
    assert.strictEqual(hex(key(own.root, "link i2r")), own.linkI2r)
    assert.strictEqual(hex(key(own.root, "link r2i")), own.linkR2i)
  })

  it.each(own.candidates)("of the $from, counter $counter", (message) => {
    const kinds = ["", "host", "reflexive", "mapped", "predicted"]
    const mappings = ["Unknown", "None", "EndpointIndependent", "AddressDependent", "Sequential", "Block"]
    const mapping = [...mappings, "Random", "Blocked"].indexOf(message.mapping)
    const body = join(
      Uint8Array.of(1),
      number(message.generation, 2),
      Uint8Array.of(mapping),
      number(message.low, 2),
      number(message.high, 2),
      Uint8Array.of(message.candidates.length),
      ...message.candidates.map(({ kind, address, port }) =>
        join(Uint8Array.of(kinds.indexOf(kind)), family(address), addressOf(address), number(port, 2)),
      ),
    )
    assert.strictEqual(hex(body), message.body)

    const plain = join(Uint8Array.of(3), number(body.length, 2), body)
    const padded = join(plain, new Uint8Array((64 - (plain.length % 64)) % 64))
    const nonce = join(new Uint8Array(4), number(message.counter, 8).toReversed())
    const link = bytes(message.from === "initiator" ? own.linkI2r : own.linkR2i)
    assert.strictEqual(hex(chacha20poly1305(link, nonce, bytes(own.callId)).encrypt(padded)), message.sealed)
  })
})
