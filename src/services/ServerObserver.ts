/**
 * Hears what happens at a server, in the moment it happens: it must not wait and not throw. By default nobody listens.
 */
import * as Context from "effect/Context"
import type { ServerEvent } from "../domain/ServerEvent.ts"

export const ServerObserver = Context.Reference<(event: ServerEvent) => void>("nomitm/services/ServerObserver", {
  defaultValue: () => () => {},
})
