/**
 * Remembers which key owns which name at a server, beyond the connection that took it (PROTOCOL.md, section 14.1).
 *
 * Provided by `adapters/node/SqliteNameStore`, which keeps it on disk, and by `NameStore.layerMemory`.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { PersonId } from "../domain/identity/PersonId.ts"
import * as NameOwnership from "../domain/nomitm1/NameOwnership.ts"
import type { PersonName } from "../domain/PersonName.ts"

/** Why names can't be read or kept. The message says what happened and where, the hint what to do. */
export class NameStoreError extends Schema.TaggedError<NameStoreError>("nomitm/NameStoreError")("NameStoreError", {
  /** It is damaged; of a newer version of the program; in use by another server; or the system does not let us. */
  reason: Schema.Literals(["Corrupt", "Newer", "InUse", "Io"]),
  message: Schema.String,
  hint: Schema.String,
}) {}

export class NameStore extends Context.Service<
  NameStore,
  {
    /**
     * Takes a name for a key, or uses one that is the key's already. All at once: of two keys that claim a name at the
     * same time one has it.
     *
     * @param key.serial of the certificate that the key has shown
     * @param now seconds since 1970
     */
    readonly claim: (
      name: PersonName,
      key: { readonly id: PersonId; readonly serial: number },
      now: number,
    ) => Effect.Effect<NameOwnership.Claim, NameStoreError>
    /** The name was in use until now: a connection that had it has ended. Nothing happens if it is not this key's. */
    readonly touch: (name: PersonName, id: PersonId, now: number) => Effect.Effect<void, NameStoreError>
    /** Gives a name up. Whether it was this key's. */
    readonly release: (name: PersonName, id: PersonId) => Effect.Effect<boolean, NameStoreError>
    /** Whose a name is. */
    readonly owner: (name: PersonName, now: number) => Effect.Effect<Option.Option<PersonId>, NameStoreError>
    /** The highest serial of a certificate that this key has shown, as long as it owns a name. */
    readonly highestSerial: (id: PersonId) => Effect.Effect<Option.Option<number>, NameStoreError>
  }
>()("nomitm/services/NameStore") {
  /** Forgets everything when it ends. */
  static readonly layerMemory: Layer.Layer<NameStore> = Layer.sync(NameStore, () => {
    const owners = new Map<PersonName, NameOwnership.Ownership>()
    const ofKey = new Map<PersonId, Set<PersonName>>()

    const forget = (name: PersonName, id: PersonId): void => {
      owners.delete(name)
      const names = ofKey.get(id)
      names?.delete(name)
      if (names?.size === 0) ofKey.delete(id)
    }
    const remember = (name: PersonName, ownership: NameOwnership.Ownership): void => {
      owners.set(name, ownership)
      const names = ofKey.get(ownership.id)
      if (names === undefined) ofKey.set(ownership.id, new Set([name]))
      else names.add(name)
    }
    /** Names of a key that it has not lost by not using them. */
    const liveNames = (id: PersonId, now: number): number => {
      for (const name of ofKey.get(id) ?? []) {
        if (NameOwnership.isExpired(owners.get(name)!, now)) forget(name, id)
      }
      return ofKey.get(id)?.size ?? 0
    }

    return NameStore.of({
      claim: (name, { id, serial }, now) =>
        Effect.sync(() => {
          const owner = owners.get(name)
          const names = { ofKey: liveNames(id, now), inAll: owners.size }
          const claim = NameOwnership.claim(owner, id, names, now)
          if (claim === "Owned") owners.set(name, NameOwnership.used(owner!, serial, now))
          if (claim === "Claimed") {
            if (owner !== undefined) forget(name, owner.id)
            remember(name, { id, serial, used: now })
          }
          return claim
        }),
      touch: (name, id, now) =>
        Effect.sync(() => {
          const owner = owners.get(name)
          if (owner?.id === id) owners.set(name, NameOwnership.used(owner, owner.serial, now))
        }),
      release: (name, id) =>
        Effect.sync(() => {
          const isTheirs = owners.get(name)?.id === id
          if (isTheirs) forget(name, id)
          return isTheirs
        }),
      owner: (name, now) =>
        Effect.sync(() => {
          const owner = owners.get(name)
          return owner === undefined || NameOwnership.isExpired(owner, now) ? Option.none() : Option.some(owner.id)
        }),
      highestSerial: (id) =>
        Effect.sync(() => {
          const serials = [...(ofKey.get(id) ?? [])].map((name) => owners.get(name)!.serial)
          return serials.length === 0 ? Option.none() : Option.some(Math.max(...serials))
        }),
    })
  })
}
