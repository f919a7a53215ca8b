/**
 * `ServerIdentityStore` on files: a key of the server's own, made the first time, or what an administrator gives.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { createPrivateKey, generateKeyPairSync, type KeyObject, X509Certificate } from "node:crypto"
import { homedir } from "node:os"
import { isAbsolute, join, resolve } from "node:path"
import * as Tls from "node:tls"
import { type ServerIdentity, ServerIdentityError, ServerIdentityStore } from "../../services/ServerIdentity.ts"
import * as NodeTls from "./NodeTls.ts"
import * as SecretFile from "./SecretFile.ts"
import * as SelfSigned from "./SelfSigned.ts"

/** What a PEM file is at most, in bytes; a chain of four certificates has 8 KB. */
const maxBytes = 256 * 1024

/** The server's own key in its directory. */
export const keyFile = "server-key.pem"

/**
 * Where a server keeps what is its own.
 *
 * @param data what `--data` says; `nomitm/server` in the XDG data directory without it
 */
export const directoryOf = (
  data: string | undefined,
  environment: { readonly XDG_DATA_HOME?: string | undefined } = process.env,
): string => {
  if (data !== undefined) return resolve(data)
  const shared = environment.XDG_DATA_HOME
  // A relative one is to be ignored (XDG Base Directory Specification).
  const base = shared !== undefined && isAbsolute(shared) ? shared : join(homedir(), ".local", "share")
  return resolve(base, "nomitm", "server")
}

/** The identity of an Ed25519 key, with a certificate of its own. */
export const ofKey = (privateKey: KeyObject): ServerIdentity => {
  const certificates = SelfSigned.make(privateKey)
  return {
    certificates,
    privateKey: privateKey.export({ type: "pkcs8", format: "pem" }) as string,
    serverKey: NodeTls.serverKeyOf(new X509Certificate(certificates).publicKey),
  }
}

export const generateKey = (): KeyObject => generateKeyPairSync("ed25519").privateKey

const invalid = (path: string, what: string, hint: string) =>
  new ServerIdentityError({ reason: "Invalid", message: `${path} ${what}.`, hint })

const unreadable = ({ message, hint }: SecretFile.SecretFileError) =>
  new ServerIdentityError({ reason: "Unreadable", message, hint })

const utf8 = new TextDecoder()

/**
 * Keeps the key in `directory` (0700, made if need be): `server-key.pem`, 0600, an Ed25519 key in PKCS #8.
 *
 * A key that is there and can't be used is never replaced: clients have pinned it.
 */
export const layerDirectory = (directory: string): Layer.Layer<ServerIdentityStore> => {
  const path = join(directory, keyFile)
  const read = Effect.map(SecretFile.read(path, { maxBytes }), (bytes) => utf8.decode(bytes))
  // Somebody else may make one at the same time: then theirs is read.
  const make = Effect.suspend(() => {
    const key = generateKey().export({ type: "pkcs8", format: "pem" }) as string
    return Effect.andThen(SecretFile.create(path, new TextEncoder().encode(key)), read)
  })
  const load = read.pipe(
    Effect.catchIf(
      ({ reason }) => reason === "Missing",
      () => make,
    ),
    Effect.mapError(unreadable),
    Effect.flatMap((pem) =>
      Effect.try({
        try: () => ofKey(createPrivateKey(pem)),
        catch: () =>
          invalid(
            path,
            "is no Ed25519 key in PEM",
            "Restore it from a backup. Without it the server has another address.",
          ),
      }),
    ),
  )
  return Layer.succeed(ServerIdentityStore, ServerIdentityStore.of({ load }))
}

/**
 * What an administrator gives: a certificate, with those that lead to its authority after it, and its key, both in PEM.
 * They are read again at each `load`, and may be links, as programs that renew certificates make them. The key may be
 * read by its group, not by everybody.
 */
export const layerFiles = (files: {
  readonly certificates: string
  readonly privateKey: string
}): Layer.Layer<ServerIdentityStore> => {
  const read = (path: string, readers: "Group" | "Everybody") =>
    SecretFile.read(path, { maxBytes, readers, followLinks: true }).pipe(
      Effect.mapBoth({ onSuccess: (bytes) => utf8.decode(bytes), onFailure: unreadable }),
    )
  const load = Effect.gen(function* () {
    const certificates = yield* read(files.certificates, "Everybody")
    const privateKey = yield* read(files.privateKey, "Group")
    const certificate = yield* Effect.try({
      try: () => new X509Certificate(certificates),
      catch: () => invalid(files.certificates, "is no certificate in PEM", "Give one with --tls-cert."),
    })
    const key = yield* Effect.try({
      try: () => createPrivateKey(privateKey),
      catch: () =>
        /ENCRYPTED/.test(privateKey)
          ? invalid(files.privateKey, "is locked by a passphrase", "Give one without, that only the server can read.")
          : invalid(files.privateKey, "is no private key in PEM", "Give one with --tls-key."),
    })
    if (!certificate.checkPrivateKey(key)) {
      return yield* new ServerIdentityError({
        reason: "Mismatch",
        message: `The certificate in ${files.certificates} is not that of the key in ${files.privateKey}.`,
        hint: "Give the two that were made together.",
      })
    }
    if (certificate.validToDate.getTime() < Date.now()) {
      yield* Effect.logWarning(
        `The certificate in ${files.certificates} is out of date: only clients that know its key will trust it.`,
      )
    }
    const identity = { certificates, privateKey, serverKey: NodeTls.serverKeyOf(certificate.publicKey) }
    // Whatever else OpenSSL has against them, such as a key that is too short.
    yield* Effect.try({
      try: () => Tls.createSecureContext(NodeTls.serverOptions(identity)),
      catch: () =>
        invalid(files.certificates, "can't be used for TLS 1.3", "Use Ed25519, P-256 or RSA with 2,048 bits."),
    })
    return identity
  })
  return Layer.succeed(ServerIdentityStore, ServerIdentityStore.of({ load }))
}
