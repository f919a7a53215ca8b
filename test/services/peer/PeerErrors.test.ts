import { assert, describe, it } from "@effect/vitest"
import { ChatEnded, NotOpen, TextTooLong } from "nomitm/services/chat/ChatSession"
import { PeerFailed } from "nomitm/services/peer/PeerLife"
import * as PeerErrors from "nomitm/services/peer/PeerErrors"
import { LinkLost, Refused } from "nomitm/services/link/RendezvousClient"
import { CallFailed } from "nomitm/services/link/SealedLink"

describe("an error of a peer's services", () => {
  it.each([
    [new Refused({ code: "Busy" }), "The server refused: Busy (The other side is busy with another call.)"],
    [new LinkLost({ reason: "Closed" }), "The server closed the connection"],
    [new LinkLost({ reason: "Silent" }), "The server did not answer in time"],
    [new LinkLost({ reason: "NotAServer" }), "What answers there is no server that this program understands"],
    [new NotOpen(), "The chat is not open: it has not heard the other side, or has ended"],
    [new TextTooLong({ bytes: 5000, maximum: 4096 }), "A text of 5000 bytes; at most 4096 fit"],
    [new ChatEnded({ ending: "timeout" }), "The chat ended: timeout"],
    [new PeerFailed({ exitCode: 3 }), "The peer failed with exit code 3; the reason was shown"],
  ])("says in words what happened: $0", (error, message) => {
    assert.strictEqual(error.message, message)
  })

  it("is told to a person with what to do next", () => {
    const problem = PeerErrors.fromLink(new LinkLost({ reason: "NotAServer" }))
    assert.strictEqual(problem.code, "Not_a_server")
    assert.strictEqual(problem.message, "What answers there is no server that this program understands.")
    assert.include(problem.hint, "--dialect")
  })

  it("says of a text that was not sent what there is to do about it", () => {
    assert.include(PeerErrors.fromSay(new NotOpen(), false).message, "not sent")
    assert.include(PeerErrors.fromSay(new TextTooLong({ bytes: 5000, maximum: 4096 }), false).message, "may have 4096")
    assert.include(PeerErrors.notSent("bob", ["one"]).hint, "Type it again")
    assert.include(PeerErrors.notSent("bob", ["one", "two"]).hint, "Type them again")
  })

  it("shows again what was typed for a call that came to nothing, as far as there is room", () => {
    const said = (...texts: ReadonlyArray<string>) => PeerErrors.notSent("dave", texts).message
    assert.strictEqual(said("hello"), 'A text for dave could not be sent: "hello".')
    assert.strictEqual(said("one", "two"), '2 texts for dave could not be sent: "one", "two".')
    const many = said(...Array.from({ length: 1000 }, (_, i) => `${i}\n\u001b[2J${"x".repeat(60_000)}`))
    assert.match(many, /^1000 texts for dave could not be sent: ("\d \[2Jx+…", ){4}"4 \[2Jx+…" … and 995 more\.$/)
    assert.isBelow(many.length, 300)
  })

  it("never names /chat where an address was given by hand: there it calls nobody", () => {
    const said = (isDirect: boolean) => [
      PeerErrors.noChat(isDirect).hint,
      PeerErrors.nobodyToTell(isDirect).hint,
      PeerErrors.fromSay(new NotOpen(), isDirect).hint,
      PeerErrors.notCalling(undefined, [], isDirect).hint,
      PeerErrors.howToCallAgain("bob", isDirect),
    ]
    for (const hint of said(true)) assert.notInclude(hint, "/chat")
    for (const hint of said(false)) assert.include(hint, "/chat ")
  })

  it("says who does call, to whoever answers somebody else, and what to type", () => {
    const said = (name: string | undefined, ...labels: ReadonlyArray<string>) => {
      const { code, message, hint } = PeerErrors.notCalling(name, labels, false)
      assert.strictEqual(code, "No_call")
      return `${message} ${hint}`
    }
    assert.strictEqual(said("x", "alice"), "Nobody named x is calling you: alice is. Type /accept or /decline.")
    assert.strictEqual(
      said("x", "alice", "bob"),
      "Nobody named x is calling you, but these are: alice, bob. Type /accept NAME or /decline NAME.",
    )
    for (const name of ["x", undefined])
      assert.strictEqual(said(name), "Nobody is calling you. Wait for a call, or type /chat NAME.")
    assert.isBelow(said("x".repeat(60_000), "alice").length, 150)
  })

  it("tells who comes with an invitation and is declined that it may be used up, and nothing else otherwise", () => {
    const [declined, busy] = ["Declined", "Busy"].map((code) => PeerErrors.fromSealed("bob")(new CallFailed({ code })))
    assert.include(PeerErrors.invitationDeclined(declined!).hint, "ask for a new one")
    assert.deepStrictEqual(PeerErrors.invitationDeclined(busy!), busy)
  })
})
