/**
 * Who is online over TLS, under which name and key (PROTOCOL.md, section 14). The users of plaintext are in `Registry`:
 * the two do not see each other.
 *
 * `SecureRegistry.layerMemory` keeps it in this process.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { PersonId } from "../../domain/identity/PersonId.ts"
import type { ServerMessage, User } from "../../domain/nomitm1/ServerLine.ts"
import type { Party } from "../../domain/nomitm1/ServerCalls.ts"
import type { Who } from "../../domain/nomitm1/Who.ts"
import { PersonName } from "../../domain/PersonName.ts"

/** A client with a name and a proven key, as the rest of the server sees it. */
export interface SecureMember extends Party {
  /** 144 bytes. */
  readonly certificate: Uint8Array
  /** SHA-256 of the id. */
  readonly idHash: Uint8Array
  /** Left out of the list of users. */
  readonly unlisted: boolean
  readonly send: (message: ServerMessage) => void
  /** How much it has not taken yet of what it was sent, in bytes. */
  readonly queued: () => number
  /** Its key has registered its name on another connection: tells it so and ends it. */
  readonly replace: () => void
}

/** Somebody with another key is online under this name. */
export class NameHeld extends Schema.TaggedError<NameHeld>("nomitm/NameHeld")("NameHeld", { name: PersonName }) {
  override get message(): string {
    return `${this.name} is online with another key`
  }
}

export class SecureRegistry extends Context.Service<
  SecureRegistry,
  {
    /** Gives a member its name. Whoever had it with the same key has it no longer, and is returned. */
    readonly enter: (member: SecureMember) => Effect.Effect<Option.Option<SecureMember>, NameHeld>
    /** Takes a member's name away; nothing happens if another member has it by now. */
    readonly leave: (member: SecureMember) => Effect.Effect<void>
    /** By name, or by id: then whoever registered last with that key. */
    readonly find: (who: Who) => Effect.Effect<Option.Option<SecureMember>>
    /** All who are listed, in order of registration. */
    readonly users: Effect.Effect<ReadonlyArray<User>>
  }
>()("nomitm/services/server/SecureRegistry") {
  static readonly layerMemory: Layer.Layer<SecureRegistry> = Layer.sync(SecureRegistry, () => {
    const byName = new Map<PersonName, SecureMember>()
    /** A key may be online under several names; in order of registration. */
    const byId = new Map<PersonId, Set<SecureMember>>()

    const remove = (member: SecureMember): void => {
      if (byName.get(member.name) !== member) return
      byName.delete(member.name)
      const members = byId.get(member.id)
      members?.delete(member)
      if (members?.size === 0) byId.delete(member.id)
    }

    return SecureRegistry.of({
      enter: (member) =>
        Effect.suspend(() => {
          const before = byName.get(member.name)
          if (before !== undefined && before.id !== member.id) return Effect.fail(new NameHeld({ name: member.name }))
          if (before !== undefined) remove(before)
          byName.set(member.name, member)
          const members = byId.get(member.id)
          if (members === undefined) byId.set(member.id, new Set([member]))
          else members.add(member)
          return Effect.succeed(Option.fromUndefinedOr(before))
        }),
      leave: (member) => Effect.sync(() => remove(member)),
      find: (who) =>
        Effect.sync(() =>
          Option.fromUndefinedOr(who._tag === "Name" ? byName.get(who.name) : [...(byId.get(who.id) ?? [])].at(-1)),
        ),
      users: Effect.sync(() =>
        [...byName.values()].filter(({ unlisted }) => !unlisted).map(({ name, id }) => ({ name, id })),
      ),
    })
  })
}
