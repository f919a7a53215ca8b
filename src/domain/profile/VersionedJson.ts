/**
 * The text form of what a profile keeps: JSON that says what it is and in which version.
 *
 * ```
 * {"nomitm":"contacts","version":1, …}
 * ```
 *
 * A reader knows one version. Of a later one it says so, instead of losing what it does not understand.
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"

/** Why a text can't be read. `NotThis`: it is something else, or damaged. `TooNew`: a later program wrote it. */
export type Unreadable = "TooLarge" | "NotThis" | "TooNew"

export interface VersionedJson<A> {
  readonly encode: (value: A) => string
  /** Never throws, whatever the text is. */
  readonly decode: (text: string) => Result.Result<A, Unreadable>
}

const version = 1

const Header = Schema.fromJsonString(Schema.Struct({ nomitm: Schema.String, version: Schema.Int }))
const decodeHeader = Schema.decodeUnknownResult(Header)

/**
 * @param kind what the text is
 * @param content what it holds; unknown fields are passed over
 * @param maxLength the longest text that is read, in UTF-16 units
 */
export const make = <A, I>(kind: string, content: Schema.Codec<A, I>, maxLength: number): VersionedJson<A> => {
  const decodeContent = Schema.decodeUnknownResult(Schema.fromJsonString(content))
  const encodeContent = Schema.encodeSync(content)
  return {
    encode: (value) => `${JSON.stringify({ nomitm: kind, version, ...encodeContent(value) })}\n`,
    decode: (text) => {
      if (text.length > maxLength) return Result.fail("TooLarge")
      const header = decodeHeader(text)
      if (Result.isFailure(header) || header.success.nomitm !== kind) return Result.fail("NotThis")
      if (header.success.version > version) return Result.fail("TooNew")
      if (header.success.version !== version) return Result.fail("NotThis")
      return Result.mapError(decodeContent(text), () => "NotThis" as const)
    },
  }
}
