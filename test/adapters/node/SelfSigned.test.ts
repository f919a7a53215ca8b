import { assert, describe, it } from "@effect/vitest"
import { execFileSync, spawnSync } from "node:child_process"
import { createPublicKey, generateKeyPairSync, X509Certificate } from "node:crypto"
import * as Fs from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as SelfSigned from "nomitm/adapters/node/SelfSigned"

const { privateKey } = generateKeyPairSync("ed25519")

describe("the certificate of a server's own key", () => {
  it("is one to Node: signed by its own key, valid now, for this key", () => {
    const certificate = new X509Certificate(SelfSigned.make(privateKey))
    assert.isTrue(certificate.verify(certificate.publicKey))
    assert.isTrue(certificate.checkPrivateKey(privateKey))
    assert.isTrue(certificate.checkIssued(certificate))
    assert.isTrue(certificate.publicKey.equals(createPublicKey(privateKey)))
    assert.isBelow(certificate.validFromDate.getTime(), Date.now())
    assert.strictEqual(certificate.validToDate.getUTCFullYear(), 9999)
    assert.strictEqual(certificate.subject, "CN=nomitm")
    assert.strictEqual(certificate.issuer, certificate.subject)
  })

  it("is the same each time it is made, and another for another key", () => {
    const other = generateKeyPairSync("ed25519").privateKey
    assert.strictEqual(SelfSigned.make(privateKey), SelfSigned.make(privateKey))
    assert.notStrictEqual(
      new X509Certificate(SelfSigned.make(other)).serialNumber,
      new X509Certificate(SelfSigned.make(privateKey)).serialNumber,
    )
  })

  it("can be for a host", () => {
    const certificate = new X509Certificate(SelfSigned.make(privateKey, "chat.example.org"))
    assert.strictEqual(certificate.checkHost("chat.example.org"), "chat.example.org")
    assert.isUndefined(certificate.checkHost("example.org"))
  })

  it("is well-formed for any key: lengths and serial numbers of all shapes", () => {
    for (let i = 0; i < 200; i++) {
      const { privateKey } = generateKeyPairSync("ed25519")
      const certificate = new X509Certificate(SelfSigned.make(privateKey, "x".repeat(1 + (i % 60))))
      assert.isTrue(certificate.verify(certificate.publicKey))
      assert.match(certificate.serialNumber, /^[4-7][0-9A-F]{31}$/)
    }
  })

  it("is not made of a key of another kind", () => {
    const other = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey
    assert.throws(() => SelfSigned.make(other), "not an Ed25519 key")
  })

  // Where it is installed, as it is wherever this is built for others.
  if (spawnSync("openssl", ["version"]).status === 0) {
    it("is one to openssl, in its strict reading too", () => {
      const folder = Fs.mkdtempSync(join(tmpdir(), "nomitm-certificate-"))
      const file = join(folder, "certificate.pem")
      Fs.writeFileSync(file, SelfSigned.make(privateKey))
      const openssl = (...args: ReadonlyArray<string>) => execFileSync("openssl", args, { encoding: "utf8" })
      assert.include(openssl("verify", "-x509_strict", "-CAfile", file, file), "OK")
      const text = openssl("x509", "-in", file, "-noout", "-text")
      for (const expected of ["Version: 3", "Issuer: CN", "ED25519", "Not After : Dec 31 23:59:59 9999"]) {
        assert.include(text, expected)
      }
      Fs.rmSync(folder, { recursive: true })
    })
  }
})
