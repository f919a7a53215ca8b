/**
 * What a server proves to be it: a key, and a certificate around it for TLS.
 *
 * Clients compare the key (a pin, what they remember); the certificate counts only where it is one of an authority that
 * the client's system knows.
 *
 * Provided by `adapters/node/NodeServerIdentity`, from a directory of the server's own or from PEM files.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"

export interface ServerIdentity {
  /** The certificate, and after it those that lead to an authority if there are any: PEM. */
  readonly certificates: string
  /** The key of the first certificate: PEM. */
  readonly privateKey: string
  /** SHA-256 of the certificate's SubjectPublicKeyInfo (DER): 32 bytes. What clients pin. */
  readonly serverKey: Uint8Array
}

/** Why there is no identity. The message says what happened, and about which file. */
export class ServerIdentityError extends Schema.TaggedError<ServerIdentityError>("nomitm/ServerIdentityError")(
  "ServerIdentityError",
  {
    /** It can't be read, or others can; it is not what it should be; key and certificate do not belong together. */
    reason: Schema.Literals(["Unreadable", "Invalid", "Mismatch"]),
    message: Schema.String,
    /** What to do about it. */
    hint: Schema.String,
  },
) {}

export class ServerIdentityStore extends Context.Service<
  ServerIdentityStore,
  {
    /** Reads the identity, as it is now; where the server keeps its own, makes it the first time. */
    readonly load: Effect.Effect<ServerIdentity, ServerIdentityError>
  }
>()("nomitm/services/ServerIdentityStore") {
  /** One that is there already. */
  static readonly layerMemory = (identity: ServerIdentity): Layer.Layer<ServerIdentityStore> =>
    Layer.succeed(ServerIdentityStore, ServerIdentityStore.of({ load: Effect.succeed(identity) }))
}

/**
 * Reads the identity again and gives it to a listener: who connects from then on sees the new one. If that fails, the
 * old one stays, and the log says why.
 */
export const renew = Effect.fnUntraced(function* (listener: {
  readonly useIdentity: (identity: ServerIdentity) => Effect.Effect<void, ServerIdentityError>
}) {
  const { load } = yield* ServerIdentityStore
  yield* load.pipe(
    Effect.flatMap(listener.useIdentity),
    Effect.andThen(Effect.logInfo("The key and certificate were read again.")),
    Effect.catch(({ message, hint }) =>
      Effect.logWarning(`The key and certificate stay as they were: ${message} ${hint}`),
    ),
  )
})
