/**
 * What `nomitm/1` asks of TLS (PROTOCOL.md, section 14), for Node: version 1.3, no resumption; and what it takes from a
 * session.
 */
import { constants, createHash, type KeyObject } from "node:crypto"
import * as Tls from "node:tls"
import type { Secured } from "../../services/RendezvousTransport.ts"
import type { ServerIdentity } from "../../services/ServerIdentity.ts"

const exporterLabel = "EXPORTER-nomitm-1-register"
const exporterBytes = 32
/** In TLS 1.3 an empty context is none. */
const noContext = Buffer.alloc(0)

export const versions = { minVersion: "TLSv1.3", maxVersion: "TLSv1.3" } as const

/**
 * For a server. Node sends tickets in any case; with this option they stand for nothing that is kept, so that nobody
 * can resume with one.
 */
export const serverOptions = ({ certificates, privateKey }: ServerIdentity) => ({
  ...versions,
  cert: certificates,
  key: privateKey,
  secureOptions: constants.SSL_OP_NO_TICKET,
})

/** SHA-256 of a public key's SubjectPublicKeyInfo. */
export const serverKeyOf = (publicKey: KeyObject): Uint8Array =>
  new Uint8Array(
    createHash("sha256")
      .update(publicKey.export({ type: "spki", format: "der" }))
      .digest(),
  )

const exporterOf = (socket: Tls.TLSSocket): Uint8Array =>
  new Uint8Array(socket.exportKeyingMaterial(exporterBytes, exporterLabel, noContext))

/** The session at the server; none if it is not what was asked for. */
export const atServer = (socket: Tls.TLSSocket, serverKey: Uint8Array): Secured | undefined =>
  socket.isSessionReused() ? undefined : { exporter: exporterOf(socket), serverKey, webPki: false }

/**
 * The session at the client; none if it is not what was asked for.
 *
 * @param host the name or address the server was asked for by
 */
export const atClient = (socket: Tls.TLSSocket, host: string): Secured | undefined => {
  const certificate = socket.getPeerX509Certificate()
  if (certificate === undefined || socket.isSessionReused() || socket.getProtocol() !== versions.minVersion) {
    return undefined
  }
  return {
    exporter: exporterOf(socket),
    serverKey: serverKeyOf(certificate.publicKey),
    // Whether a chain is valid Node says in `authorized`; whether it is the host's has to be asked: Node itself does not
    // ask where it takes any certificate. (`getPeerCertificate` is empty once `getPeerX509Certificate` was called.)
    webPki: socket.authorized && Tls.checkServerIdentity(host, certificate.toLegacyObject()) === undefined,
  }
}
