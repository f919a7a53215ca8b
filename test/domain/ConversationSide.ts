/** One side of a conversation, event by event, and the messages of the other. */
import { assert } from "@effect/vitest"
import * as Option from "effect/Option"
import * as Conversation from "../../src/domain/Conversation.ts"
import type { Dialect } from "../../src/domain/Dialect.ts"
import { type Endpoint, equals, format } from "../../src/domain/Endpoint.ts"
import type { PeerMessage } from "../../src/domain/PeerMessage.ts"

/** Where bob is announced to be. */
export const bobAt: Endpoint = { address: "198.51.100.3", port: 55_000 }

/** Alice's side of a conversation with bob, one event at a time. */
export const alice = (dialect: Dialect, options: { readonly number?: number; readonly peer?: string } = {}) => {
  let state = Conversation.initial(
    {
      dialect,
      self: "alice",
      number: options.number ?? 100,
      peer: Option.fromUndefinedOr(options.peer),
      remote: bobAt,
    },
    0,
  )
  const on = (event: Conversation.Event) => {
    const [next, actions] = Conversation.step(state, event)
    state = next
    return actions.map(shown)
  }
  return {
    phase: () => state.phase,
    silentAt: () => Conversation.silentAt(state),
    remote: () => state.source.remote,
    hears: (message: PeerMessage, now: number, from = bobAt) => on({ _tag: "Heard", message, from, now }),
    resend: (now: number) => on({ _tag: "Resend", now }),
    beat: (now: number) => on({ _tag: "Beat", now }),
    silence: (now: number) => on({ _tag: "Silence", now }),
    say: (text: string) => on({ _tag: "Say", text }),
    close: () => on({ _tag: "Close" }),
    giveUp: () => on({ _tag: "GiveUp" }),
  }
}

/** An action in a word or two; where something is sent to, if that is not where bob was announced. */
const shown = (action: Conversation.Action): string => {
  switch (action._tag) {
    case "Send": {
      const { message, to } = action
      assert.strictEqual(message.from, "alice")
      const where = equals(to, bobAt) ? "" : ` to ${format(to)}`
      return (message._tag === "Text" ? `send Text ${message.text}` : `send ${message._tag}`) + where
    }
    case "Opened":
      return `opened ${action.peer}`
    case "Deliver":
      return `deliver ${action.text}`
    case "Ended":
      return `ended ${action.ending}`
  }
}

export const connect = (number = 0, from = "bob"): PeerMessage => ({ _tag: "Connect", from, number })
export const keepAlive = (from = "bob"): PeerMessage => ({ _tag: "KeepAlive", from })
export const text = (text: string, from = "bob"): PeerMessage => ({ _tag: "Text", from, text })
export const close = (from = "bob"): PeerMessage => ({ _tag: "Close", from })
export const unknown: PeerMessage = { _tag: "Unknown", from: "bob", type: "Probe" }
