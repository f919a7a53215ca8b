/**
 * Asks whoever sits at the terminal about a server whose key nobody vouches for, when it is met for the first time.
 */
import type * as Effect from "effect/Effect"
import * as TerminalQuestion from "../adapters/node/TerminalQuestion.ts"
import { formatHostPort } from "../domain/Endpoint.ts"
import type { ServerAddress } from "../domain/ServerAddress.ts"

/** Whether it is the right one, by the fingerprint of its key. */
export const ask =
  ({ host, port }: ServerAddress) =>
  (fingerprint: string): Effect.Effect<boolean> =>
    TerminalQuestion.ask(
      `The key of ${formatHostPort(host, port)} is not known here. Its fingerprint is\n  ${fingerprint}\n` +
        "Is that what the server printed when it started? (yes/no) ",
    )
