import { assert, it } from "@effect/vitest"
import * as Endpoint from "../../src/domain/Endpoint.ts"
import { aliceAt, malloryAt, bobAt, World } from "../domain/record/SealedWorld.ts"

for (const way of ["address", "server"] as const)
  it(`a path that carries everything is not given up because somebody who only copies is quicker: ${way}`, () => {
    const world = new World({ way }).opened()
    world.fate = (datagram) => {
      const { from, to } = datagram
      if (from === aliceAt && to !== undefined)
        world.timeline.after(5, () => world.deliver({ ...datagram, from: malloryAt }))
      return [20]
    }
    world.pass(60_000)
    world.bob.say("still there?")
    world.pass(1000)
    assert.deepStrictEqual(world.alice.delivered, ["still there?"])
    assert.strictEqual(world.bob.path, Endpoint.format(aliceAt))
    assert.strictEqual(world.alice.path, Endpoint.format(bobAt))
  })
