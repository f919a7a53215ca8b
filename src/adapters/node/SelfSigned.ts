/**
 * The certificate around a server's own key: X.509 version 3 (RFC 5280), signed by the key itself with Ed25519
 * (RFC 8410).
 *
 * Nobody reads anything in it but the key, so it is the same for every server and never ends: one key has one
 * certificate, which is made when it is needed (`docs/decisions/0006-certificate.md`). Who wants more has one from an
 * authority.
 */
import { createHash, createPublicKey, type KeyObject, sign } from "node:crypto"

const tag = { integer: 0x02, bits: 0x03, octets: 0x04, oid: 0x06, utf8: 0x0c, sequence: 0x30, set: 0x31 }
const utcTime = 0x17
const generalizedTime = 0x18
/** A context-specific tag, constructed: version and extensions have them. */
const explicit = (number: number): number => 0xa0 + number

/** One value in DER (X.690): its tag, its length, its content. */
const der = (tag: number, ...content: ReadonlyArray<Uint8Array>): Uint8Array => {
  const whole = Buffer.concat(content)
  const { length } = whole
  const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
  return Buffer.concat([Uint8Array.of(tag, ...size), whole])
}

const text = (tag: number, content: string): Uint8Array => der(tag, Buffer.from(content))
const bitString = (content: Uint8Array): Uint8Array => der(tag.bits, Uint8Array.of(0), content)
const oid = (...bytes: ReadonlyArray<number>): Uint8Array => der(tag.oid, Uint8Array.from(bytes))

/** 1.3.101.112, without parameters. */
const ed25519 = der(tag.sequence, oid(0x2b, 0x65, 0x70))
/** 2.5.4.3 */
const commonName = oid(0x55, 0x04, 0x03)
/** 2.5.29.17 */
const subjectAltName = oid(0x55, 0x1d, 0x11)
/** Of a GeneralName (RFC 5280, section 4.2.1.6). */
const dnsName = 0x82

/**
 * The certificate of an Ed25519 key, in PEM.
 *
 * @param privateKey an Ed25519 key; throws if it is another
 * @param name the host the certificate is for, where that matters
 */
export const make = (privateKey: KeyObject, name = "nomitm"): string => {
  if (privateKey.asymmetricKeyType !== "ed25519") throw new Error("not an Ed25519 key")
  const spki = new Uint8Array(createPublicKey(privateKey).export({ type: "spki", format: "der" }))
  // One key, one certificate: RFC 5280 asks for a positive number that no other certificate of the issuer has.
  const serial = createHash("sha256").update(spki).digest().subarray(0, 16)
  serial[0] = (serial[0]! & 0x3f) | 0x40
  const who = der(tag.sequence, der(tag.set, der(tag.sequence, commonName, text(tag.utf8, name))))
  // Clocks are wrong, and keys have no date: from before there were any, to RFC 5280's "no end" (section 4.1.2.5).
  const validity = der(tag.sequence, text(utcTime, "000101000000Z"), text(generalizedTime, "99991231235959Z"))
  const names = der(tag.sequence, subjectAltName, der(tag.octets, der(tag.sequence, text(dnsName, name))))
  const content = der(
    tag.sequence,
    der(explicit(0), der(tag.integer, Uint8Array.of(2))),
    der(tag.integer, serial),
    ed25519,
    who,
    validity,
    who,
    spki,
    der(explicit(3), der(tag.sequence, names)),
  )
  const certificate = der(tag.sequence, content, ed25519, bitString(sign(null, content, privateKey)))
  return pem("CERTIFICATE", certificate)
}

/** RFC 7468. */
const pem = (label: string, content: Uint8Array): string => {
  const lines =
    Buffer.from(content)
      .toString("base64")
      .match(/.{1,64}/g) ?? []
  return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`
}
