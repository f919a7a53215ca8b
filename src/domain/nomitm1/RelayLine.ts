/**
 * RELAY, the line of a record through the server, the same in both directions (PROTOCOL.md, section 14.3). Of all lines
 * only these come by the thousand: they are read where they stand, and the call is known by its text.
 *
 * ```
 * RELAY callId record
 * ```
 */
import * as Base64Field from "./Base64Field.ts"

const operation = "RELAY "
const callIdEnd = operation.length + Base64Field.characters(Base64Field.callIdBytes)

/** Whether a line is one of these, or would be. */
export const isRelay = (line: string): boolean => line.startsWith(operation)

/**
 * With its line end.
 *
 * @param call the callId as b64 text
 */
export const encode = (call: string, record: Uint8Array): string =>
  `${operation}${call} ${Base64Field.encode(record)}\n`

/**
 * Reads a line of a call that is known; all others are nothing. Surplus words are ignored. Never throws.
 *
 * @param calls by their callIds as b64 text
 * @returns the call and its record, 1 to 1,232 bytes
 */
export const decode = <A>(line: string, calls: ReadonlyMap<string, A>): readonly [A, Uint8Array] | undefined => {
  const call = calls.get(line.slice(operation.length, callIdEnd))
  if (call === undefined || line[callIdEnd] !== " ") return undefined
  const end = line.indexOf(" ", callIdEnd + 1)
  const record = Base64Field.decodeAtMost(
    line.slice(callIdEnd + 1, end < 0 ? undefined : end),
    Base64Field.maxRecordBytes,
  )
  return record && [call, record]
}
