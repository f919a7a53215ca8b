/**
 * A bounded fuzz run over all decoders. The seed is printed; `NOMITM_FUZZ_SEED=n` repeats a run,
 * `NOMITM_FUZZ_ROUNDS=n` makes it longer.
 */
import { assert, describe, it } from "@effect/vitest"
import { decoders } from "./decoders.ts"
import { mutate, noise } from "./mutate.ts"
import * as Random from "./random.ts"

const seed = Number(process.env["NOMITM_FUZZ_SEED"] ?? Math.floor(Math.random() * 2 ** 32)) >>> 0
const rounds = Number(process.env["NOMITM_FUZZ_ROUNDS"] ?? 2500)

/** Far above what a slow machine needs for 64 KiB in linear time, far below what quadratic time would take. */
const generousMillis = 1000

console.log(`fuzz: NOMITM_FUZZ_SEED=${seed} repeats this run`)

const hex = (bytes: Uint8Array) =>
  `${Buffer.from(bytes.subarray(0, 400)).toString("hex")}${bytes.length > 400 ? `… (${bytes.length} bytes)` : ""}`

describe.each(decoders)("$name", ({ seeds, read, check }) => {
  const attempt = (bytes: Uint8Array, round: number) => {
    try {
      check(bytes)
    } catch (error) {
      throw new Error(`seed ${seed}, round ${round}, bytes ${hex(bytes)}`, { cause: error })
    }
  }

  it("stand their own seeds", () => {
    for (const bytes of seeds) attempt(bytes, -1)
  })

  it(`stand ${rounds} mutations`, () => {
    const random = Random.make(seed)
    for (let round = 0; round < rounds; round++) {
      attempt(random.chance(0.9) ? mutate(random, seeds) : noise(random, random.below(80)), round)
    }
  })

  it("are read in linear time, also 64 KiB of the worst there is", () => {
    const random = Random.make(seed)
    const length = 65_507
    const repeated = (unit: Uint8Array) => Uint8Array.from({ length }, (_, i) => unit[i % unit.length]!)
    const worst = [
      noise(random, length),
      ...seeds.map(repeated),
      ...[
        "\n",
        "\r",
        "\r\n",
        " ",
        "\t",
        '"',
        "\\",
        "\\u",
        "a",
        ":",
        "1.",
        "[",
        "\0",
        "é",
        "\u202e",
        "/",
        "//",
        "%",
      ].map((unit) => repeated(new TextEncoder().encode(unit))),
      ...[" ", "\n", '"', "\\", "a", "0", ":"].map((unit) => {
        const bytes = new Uint8Array(length).fill(unit.charCodeAt(0))
        bytes.set(random.pick(seeds))
        return bytes
      }),
    ]
    for (const bytes of worst) {
      const start = process.cpuUsage()
      read(bytes)
      // Of the processor: others may be at work on the same machine.
      const { user, system } = process.cpuUsage(start)
      const taken = (user + system) / 1000
      assert.isBelow(taken, generousMillis, hex(bytes))
    }
  })
})

describe("the fuzzer", () => {
  it("repeats a run with the same seed, and not with another", () => {
    const run = (seed: number) => {
      const random = Random.make(seed)
      return Array.from({ length: 50 }, () => hex(mutate(random, decoders[0]!.seeds)))
    }
    assert.deepStrictEqual(run(7), run(7))
    assert.notDeepEqual(run(7), run(8))
  })
})
