/**
 * What everybody on a wire can see of TLS: how many records there are, and how long (RFC 8446, section 5.1).
 */

const headerBytes = 5

export interface Seen {
  records: number
  bytes: number
}

/** Counts the records of one direction as they pass. */
export class Counter {
  seen: Seen = { records: 0, bytes: 0 }
  private rest: Buffer = Buffer.alloc(0)

  add(chunk: Buffer): void {
    this.rest = Buffer.concat([this.rest, chunk])
    this.seen.bytes += chunk.length
    while (this.rest.length >= headerBytes) {
      const length = headerBytes + this.rest.readUInt16BE(3)
      if (this.rest.length < length) return
      this.rest = this.rest.subarray(length)
      this.seen.records++
    }
  }

  /** What has passed since the last time. */
  take(): Seen {
    const { seen } = this
    this.seen = { records: 0, bytes: 0 }
    return seen
  }
}
