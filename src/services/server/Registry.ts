/**
 * Who is online, under which name, and how to reach each one's connection.
 *
 * `Registry.layerMemory` keeps it in this process.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { Port } from "../../domain/Endpoint.ts"
import type { ServerMessage } from "../../domain/ServerMessage.ts"
import { Username } from "../../domain/Username.ts"

/** A registered client, as the rest of the server sees it. */
export interface Member {
  readonly name: Username
  /** The address the server sees it at: where the other side will send to. */
  readonly address: string
  readonly send: (message: ServerMessage) => void
  /**
   * Asks whether a UDP port is free there.
   *
   * @returns whether it is; fails when the client does not want the call or does not answer in time
   */
  readonly ask: (port: Port) => Effect.Effect<boolean, AskError>
  /** Waits until it has left. */
  readonly gone: Effect.Effect<void>
}

/** Why a question about a port has no answer. */
export class AskError extends Schema.TaggedError<AskError>("nomitm/AskError")("AskError", {
  reason: Schema.Literals(["Busy", "Declined", "No_answer"]),
}) {
  override get message(): string {
    return this.reason === "No_answer"
      ? "The client did not answer PORT"
      : `The client answered PORT with ${this.reason}`
  }
}

/** The name belongs to somebody else who is online. */
export class NameTaken extends Schema.TaggedError<NameTaken>("nomitm/NameTaken")("NameTaken", { name: Username }) {
  override get message(): string {
    return `${this.name} is taken`
  }
}

export class Registry extends Context.Service<
  Registry,
  {
    /** Gives a member its name, for as long as it is not released. */
    readonly register: (member: Member) => Effect.Effect<void, NameTaken>
    /** Frees the name of a member; nothing happens if it is somebody else's by now. */
    readonly release: (member: Member) => Effect.Effect<void>
    readonly find: (name: Username) => Effect.Effect<Option.Option<Member>>
    /** All names, in order of registration. */
    readonly names: Effect.Effect<ReadonlyArray<Username>>
  }
>()("nomitm/services/server/Registry") {
  static readonly layerMemory: Layer.Layer<Registry> = Layer.effect(
    Registry,
    Effect.sync(() => {
      const members = new Map<Username, Member>()
      return Registry.of({
        register: (member) =>
          Effect.suspend(() => {
            if (members.has(member.name)) return Effect.fail(new NameTaken({ name: member.name }))
            members.set(member.name, member)
            return Effect.void
          }),
        release: (member) =>
          Effect.sync(() => {
            if (members.get(member.name) === member) members.delete(member.name)
          }),
        find: (name) => Effect.sync(() => Option.fromUndefinedOr(members.get(name))),
        names: Effect.sync(() => [...members.keys()]),
      })
    }),
  )
}
