/**
 * What one side of a call may still hand to the other with PASS (PROTOCOL.md, section 14.2): enough at once for a
 * handshake and all its candidates, and a little more as time goes on, for as long as a chat lasts.
 */
import * as TokenBucket from "../TokenBucket.ts"

/** In messages: one comes back every ten seconds. */
export const messages: TokenBucket.Limit = { burst: 64, perSecond: 1 / 10 }
/** In bytes: 1 KiB comes back every ten seconds. */
export const bytes: TokenBucket.Limit = { burst: 64 * 1024, perSecond: 1024 / 10 }

export interface PassQuota {
  readonly messages: TokenBucket.State
  readonly bytes: TokenBucket.State
}

/** @param now in milliseconds */
export const initial = (now: number): PassQuota => ({
  messages: TokenBucket.initial(messages, now),
  bytes: TokenBucket.initial(bytes, now),
})

/** Takes one message of so many bytes; none if that is more than may be handed over by now. */
export const take = (quota: PassQuota, length: number, now: number): PassQuota | undefined => {
  const ofMessages = TokenBucket.tryTake(messages, quota.messages, 1, now)
  const ofBytes = TokenBucket.tryTake(bytes, quota.bytes, length, now)
  return ofMessages === undefined || ofBytes === undefined ? undefined : { messages: ofMessages, bytes: ofBytes }
}
