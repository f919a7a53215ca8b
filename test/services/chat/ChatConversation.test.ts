import { assert, describe, it } from "@effect/vitest"
import * as Frame from "../../../src/domain/record/Frame.ts"
import type { Moment } from "../../../src/domain/record/Moment.ts"
import { type Action, ChatConversation } from "../../../src/services/chat/ChatConversation.ts"
import { bytesOf, primitives } from "../../domain/crypto/primitives.ts"
import { chatKeys } from "../../domain/record/keys.ts"

let drawn = 0
const tools = { primitives, randomBytes: (length: number) => bytesOf(`random ${drawn++}`, length) }
const at = (seconds: number): Moment => ({ monotonic: 1000 * seconds, wall: 1_800_000_000_000 + 1000 * seconds })

/** Two sides of one chat, that have heard each other at second 1, and what became of them. */
const pair = () => {
  const keys = chatKeys()
  const side = (name: "alice" | "bob") => {
    const happened: Array<Action["_tag"] | "Suspended" | "Keys"> = []
    const conversation = new ChatConversation(
      tools,
      {
        perform: ({ _tag }) => void happened.push(_tag),
        onSuspended: () => void happened.push("Suspended"),
        onKeys: () => void happened.push("Keys"),
      },
      keys[name],
      at(0),
    )
    return { conversation, happened }
  }
  const [alice, bob] = [side("alice"), side("bob")]
  const says = (from: ChatConversation) => from.seal([Frame.keepAlive])!
  const hears = (to: ChatConversation, datagram: Uint8Array, seconds: number): boolean => {
    const record = to.open(datagram, at(seconds))
    if (record !== undefined) to.heard([], record, at(seconds))
    return record !== undefined
  }
  assert.isTrue(hears(bob.conversation, says(alice.conversation), 1))
  assert.isTrue(hears(alice.conversation, says(bob.conversation), 1))
  return { alice, bob, says, hears }
}

const other = chatKeys("other keys")

describe("keys of another call", () => {
  it("serve at once where the other side has them for certain", () => {
    const { alice } = pair()
    alice.conversation.offer(other.alice, true, at(10))
    assert.deepStrictEqual(alice.happened.slice(-1), ["Keys"])
    assert.isFalse(alice.conversation.isHeard)
  })

  it("serve from the first record on that is sealed with them; until then the former ones do", () => {
    const { alice, bob, hears, says } = pair()
    bob.conversation.offer(other.bob, false, at(10))
    assert.isFalse(bob.conversation.isHeard)
    assert.isTrue(hears(bob.conversation, says(alice.conversation), 11))
    assert.isTrue(hears(alice.conversation, says(bob.conversation), 11))
    assert.notInclude(bob.happened, "Keys")
    const former = says(alice.conversation)
    alice.conversation.offer(other.alice, true, at(12))
    assert.isTrue(hears(bob.conversation, says(alice.conversation), 12))
    assert.include(bob.happened, "Keys")
    assert.isTrue(bob.conversation.isHeard)
    assert.isTrue(hears(alice.conversation, says(bob.conversation), 12))
    assert.isFalse(hears(bob.conversation, former, 12))
  })

  it("serve when the former ones are too old, if they are not themselves", () => {
    const { bob } = pair()
    bob.conversation.offer(other.bob, false, at(100))
    bob.conversation.due(at(181))
    assert.deepStrictEqual([bob.conversation.phase, bob.happened.at(-1)], ["Open", "Keys"])
    assert.isFalse(bob.conversation.isExpired(at(279)))
    assert.isTrue(bob.conversation.isExpired(at(281)))
  })

  it("grow old unused: then nothing opens with them, and the chat waits for others, however long it has lasted", () => {
    const { alice, bob, hears, says } = pair()
    bob.conversation.offer(other.bob, false, at(1))
    alice.conversation.offer(other.alice, true, at(1))
    const late = says(alice.conversation)
    assert.isFalse(hears(bob.conversation, late, 182))
    assert.notInclude(bob.happened, "Keys")
    // A day later: had it gone on with keys of yesterday, nothing would have been heard for a day.
    bob.conversation.due(at(80_000))
    assert.deepStrictEqual([bob.conversation.phase, bob.happened.at(-1)], ["Suspended", "Suspended"])
  })

  it("take the place of those of a call before", () => {
    const { bob, hears } = pair()
    const never = chatKeys("keys of a call in between")
    const caller = new ChatConversation(tools, { perform() {}, onSuspended() {}, onKeys() {} }, never.alice, at(9))
    bob.conversation.offer(never.bob, false, at(9))
    bob.conversation.offer(other.bob, false, at(10))
    assert.isFalse(hears(bob.conversation, caller.seal([Frame.keepAlive])!, 11))
    assert.notInclude(bob.happened, "Keys")
  })

  it("are used for the farewell, too, when it is not known which ones the other side has", () => {
    const { alice, bob, hears } = pair()
    bob.conversation.offer(other.bob, false, at(10))
    alice.conversation.offer(other.alice, true, at(10))
    const said: Array<Uint8Array> = []
    bob.conversation.sealClose((datagram) => said.push(datagram))
    assert.deepStrictEqual(
      said.map((datagram) => hears(alice.conversation, datagram, 11)),
      [false, true],
    )
  })
})
