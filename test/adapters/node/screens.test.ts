/** What the screens show of a chat's path and of what becomes of texts, in a program of its own each. */
import { describe, expect, it } from "vitest"
import type { PeerEvent } from "../../../src/domain/PeerEvent.ts"
import { keys, missing, type Options, type Terminal } from "../../cli/Terminal.ts"
import { ScreenPlay } from "./ScreenPlay.ts"

const peer = "bob"
const connected: PeerEvent = { event: "connected", peer, kind: "relay", trust: "verified", fingerprint: "abcd" }
const path = (kind: "lan" | "direct" | "mapped" | "relay" | "none", rtt_ms: number): PeerEvent => ({
  event: "path",
  peer,
  kind,
  address: kind === "relay" || kind === "none" ? "" : "203.0.113.5:41213",
  ...(kind === "none" ? {} : { rtt_ms }),
})
const sent = (id: number): PeerEvent => ({ event: "sent", peer, id })
const delivered = (id: number): PeerEvent => ({ event: "delivered", peer, id })
const message: PeerEvent = { event: "message", from: peer, text: "hello", trust: "verified" }

const relayed =
  "* Connected to bob [verified], over the relay at the server: sealed end to end, the server sees size and time. Type to talk, /close to end."

/** A terminal on which a chat over the relay has begun. */
const begun = async (options: Options = { columns: 160 }): Promise<ScreenPlay<Terminal>> => {
  const play = await ScreenPlay.atTerminal(options)
  await play.on.endsWith(">")
  play.show(connected)
  await play.on.until("the path", (screen) => screen.join("").replaceAll(" ", "").includes("tobob[verified],relay>"))
  return play
}

describe.skipIf(missing !== undefined).concurrent("a person at a terminal", () => {
  it("sees the path of the chat in front of the input, from the start, when it changes, and with its round trip", async () => {
    await using play = await begun()
    await play.on.endsWith(relayed, "to bob [verified], relay>")
    play.on.type("half")
    play.show(path("relay", 40))
    await play.on.endsWith(relayed, "to bob [verified], relay 40 ms> half")
    play.show(path("direct", 23))
    const direct = "* Directly, 203.0.113.5:41213, 23 ms."
    await play.on.endsWith(relayed, direct, "to bob [verified], direct 23 ms> half")
    // Only measured anew: nothing is printed.
    play.show(path("direct", 230))
    await play.on.endsWith(relayed, direct, "to bob [verified], direct 230 ms> half")
    play.show(path("none", 0))
    await play.on.endsWith(
      direct,
      "* bob is out of reach: what you type waits, and goes out when there is a path.",
      "to bob [verified], out of reach> half",
    )
    play.show({ event: "closed", peer, reason: "closed" })
    await play.on.endsWith("* You ended the chat with bob.", "> half")
  })

  it("types on undisturbed while it changes: wrapped lines, wide characters and the place of the cursor stay", async () => {
    // 40 columns; the input takes three rows, and the cursor stands in the middle one.
    await using play = await begun({ columns: 40 })
    const text = "これは長い文です, and it goes on and on until it has filled three rows"
    play.on.type(text)
    const rows = (prompt: string): ReadonlyArray<string> => {
      const all: Array<string> = [""]
      let used = 0
      for (const character of prompt + text) {
        const width = character.codePointAt(0)! > 0x2fff ? 2 : 1
        if (used + width > 40) {
          all.push("")
          used = 0
        }
        all[all.length - 1] += character
        used += width
      }
      return all
    }
    const above = "to talk, /close to end."
    const ends = (prompt: string) =>
      play.on.until(prompt, (screen) => {
        const expected = rows(prompt).map((row) => row.trimEnd())
        const last = screen.slice(-expected.length - 1)
        return last[0]!.trim().endsWith(above) && expected.every((row, i) => last[i + 1] === row)
      })
    const cursorAt = (prompt: string) => {
      const before = rows(prompt).join("").length - 30
      let left = before
      return rows(prompt).findIndex((row) => (left -= row.length) < 0)
    }
    await ends("to bob [verified], relay> ")
    for (let i = 0; i < 30; i++) {
      const { x, y } = play.on.cursor
      play.on.type(keys.left)
      await play.on.until("the cursor moves", () => play.on.cursor.x !== x || play.on.cursor.y !== y)
    }
    for (const [event, prompt] of [
      [path("relay", 1234), "to bob [verified], relay 1.2 s> "],
      [sent(12), "to bob [verified], relay 1.2 s, 12 on the way> "],
      [delivered(12), "to bob [verified], relay 1.2 s> "],
      [path("relay", 4), "to bob [verified], relay 4 ms> "],
    ] as const) {
      play.show(event)
      await ends(prompt)
      // It is put back in its place when all is drawn.
      await play.on.until("the cursor in its row", (screen) => {
        const top = screen.length - rows(prompt).length
        return play.on.cursor.y === top + cursorAt(prompt)
      })
    }
    // What is typed next goes where the cursor was.
    play.on.type("#")
    await play.on.until("#", (screen) => screen.join("").includes("and on #until"))
    play.on.type(keys.enter)
    await play.on.until("all of it", (screen) => {
      const all = screen.join("").replaceAll(" ", "")
      const typed = `${text.slice(0, -30)}#${text.slice(-30)}`.replaceAll(" ", "")
      return all.includes(`relay4ms>${typed}`) && all.endsWith("tobob[verified],relay4ms>")
    })
  })

  it("sees how many texts are on the way, and nothing of those that arrive at once", async () => {
    await using play = await begun()
    play.show(sent(1), delivered(1))
    play.show(message)
    await play.on.endsWith(relayed, "bob [verified]: hello", "to bob [verified], relay>")
    play.on.type("and")
    play.show(sent(2), sent(3))
    await play.on.endsWith("bob [verified]: hello", "to bob [verified], relay, 2 on the way> and")
    play.show(delivered(2))
    await play.on.endsWith("bob [verified]: hello", "to bob [verified], relay, 1 on the way> and")
    play.show(delivered(3))
    await play.on.endsWith("bob [verified]: hello", "to bob [verified], relay> and")
    expect(play.on.output).not.toContain("3 on the way")
    for (let id = 4; id <= 200; id++) play.show(sent(id), delivered(id))
    play.show(message)
    await play.on.endsWith("bob [verified]: hello", "bob [verified]: hello", "to bob [verified], relay> and")
    // Two hundred texts that arrive do not draw the input two hundred times.
    expect(play.on.output.split("to bob").length).toBeLessThan(20)
  })

  it("makes the window narrower at the moment at which a text arrives: what was there stays, and nothing is left over", async () => {
    await using play = await begun({ columns: 100 })
    play.show(message)
    const typed = "a text that is longer than a row of the narrow window is"
    play.on.type(typed)
    await play.on.endsWith("bob [verified]: hello", `to bob [verified], relay> ${typed}`)
    // The size and the text are there when it looks again, and Node gives it the text first.
    play.keepBusy(500)
    await new Promise((resolve) => setTimeout(resolve, 100))
    play.on.setColumns(60)
    play.show({ ...message, text: "now" })
    const rows = `to bob [verified], relay> ${typed}`.match(/.{1,60}/g)!
    await play.on.endsWith("bob [verified]: hello", "bob [verified]: now", ...rows)
  })

  it("is told which text failed, by its beginning, and why", async () => {
    await using play = await begun()
    const text = "line one\nline two, and \u001b[31mso much more that it is too long"
    play.show(sent(1), { event: "failed", peer, id: 1, reason: "closed_by_peer", text })
    await play.on.endsWith(
      '! Not delivered: "line one line two, and [31mso much more …". The other side ended the chat before it was.',
      "to bob [verified], relay>",
    )
  })
})

describe.concurrent("a script", () => {
  const events: ReadonlyArray<PeerEvent> = [
    connected,
    sent(1),
    path("relay", 40),
    delivered(1),
    path("direct", 23),
    path("direct", 230),
    sent(2),
    { event: "failed", peer, id: 2, reason: "timeout", text: "hello" },
  ]

  it("that reads words is told of paths that change and of texts that failed, and not of the rest", async () => {
    await using play = await ScreenPlay.ofScript("plain")
    play.show(...events, message)
    await play.on.prints("bob [verified]: hello\n")
    expect(play.on.stdout).toBe(`${relayed}\n* Directly, 203.0.113.5:41213, 23 ms.\nbob [verified]: hello\n`)
    await play.on.until("the error", () => (play.on.stderr === "" ? undefined : true))
    expect(play.on.stderr).toBe(
      '! Not delivered: "hello". The other side was not heard any more. It may have arrived.\n',
    )
  })

  it("that reads JSON is told everything", async () => {
    await using play = await ScreenPlay.ofScript("json")
    play.show(...events)
    await play.on.event("failed")
    expect(play.on.events).toEqual(events)
  })
})
