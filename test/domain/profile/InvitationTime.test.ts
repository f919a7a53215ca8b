import { assert, it } from "@effect/vitest"
import * as Option from "effect/Option"
import * as InvitationTime from "../../../src/domain/profile/InvitationTime.ts"

it.each([
  ["1s", 1],
  ["30m", 1800],
  ["24h", 86_400],
  ["7d", 604_800],
  ["400d", 34_560_000],
])("an invitation is good for a time: %s is %d seconds", (text, seconds) =>
  assert.deepEqual(InvitationTime.parse(text), Option.some(seconds)),
)

it.each(["", "0h", "401d", "24", "h", "1.5h", "-1h", "1e3s", " 1h", "1h ", "1w", "999999999s", "١h"])(
  "anything else is none: %j",
  (text) => assert.isTrue(Option.isNone(InvitationTime.parse(text))),
)
