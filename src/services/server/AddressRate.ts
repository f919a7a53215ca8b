/**
 * A rate limit for each address that comes, IPv4 or IPv6 /64, which forgets those that have not come for long.
 */
import * as TokenBucket from "../../domain/TokenBucket.ts"

/** How many addresses are kept; beyond that the one that has not come for longest is forgotten. */
export const maxAddresses = 100_000

/** Says whether an address may do it once more at `now`, in milliseconds, and counts it then. */
export type AddressRate = (address: string, now: number) => boolean

export const make = (limit: TokenBucket.Limit): AddressRate => {
  const buckets = new Map<string, TokenBucket.State>()
  /** After so long without a visit a bucket is full again, in milliseconds. */
  const fullAfter = (limit.burst / limit.perSecond) * 1000
  return (address, now) => {
    const [next, wait] = TokenBucket.take(limit, buckets.get(address) ?? TokenBucket.initial(limit, now), 1, now)
    if (wait > 0) return false
    buckets.delete(address)
    buckets.set(address, next)
    for (const [oldest, { at }] of buckets) {
      if (buckets.size <= maxAddresses && now - at < fullAfter) break
      buckets.delete(oldest)
    }
    return true
  }
}
