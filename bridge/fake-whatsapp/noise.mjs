// The server's side of WhatsApp's encrypted channel: Noise_XX_25519_AESGCM_SHA256, then frames in both directions.
import { createHash, hkdfSync } from "node:crypto";

import { aesDecryptGCM, aesEncryptGCM, Curve, proto } from "baileys";

const PROTOCOL = Buffer.from("Noise_XX_25519_AESGCM_SHA256\0\0\0\0");
const NOTHING = Buffer.alloc(0);

const counter = (count) => {
  const nonce = Buffer.alloc(12);
  nonce.writeUInt32BE(count, 8);
  return nonce;
};

export class NoiseServer {
  #hash = PROTOCOL;
  #salt = PROTOCOL;
  #key = PROTOCOL;
  #count = 0;
  #ephemeral = Curve.generateKeyPair();
  #channel;

  /** @param {{root: object, static: object}} keys pairs; clients trust what `root` signed */
  constructor(keys) {
    this.keys = keys;
  }

  /** The header that a connection begins with is part of what both sides authenticate. */
  begin(header) {
    this.#authenticate(header);
  }

  /** The answer to a client's hello. */
  hello(frame) {
    const { ephemeral } = proto.HandshakeMessage.decode(frame).clientHello;
    this.#authenticate(ephemeral);
    this.#authenticate(this.#ephemeral.public);
    this.#mix(Curve.sharedKey(this.#ephemeral.private, ephemeral));
    const key = this.#encrypt(this.keys.static.public);
    this.#mix(Curve.sharedKey(this.keys.static.private, ephemeral));
    const serverHello = {
      ephemeral: this.#ephemeral.public,
      static: key,
      payload: this.#encrypt(this.#certificates()),
    };
    return proto.HandshakeMessage.encode({ serverHello }).finish();
  }

  /** What the client says of itself; from here on the channel is open. */
  finish(frame) {
    const { clientFinish } = proto.HandshakeMessage.decode(frame);
    const key = this.#decrypt(clientFinish.static);
    this.#mix(Curve.sharedKey(this.#ephemeral.private, key));
    const payload = proto.ClientPayload.decode(this.#decrypt(clientFinish.payload));
    const [read, write] = this.#expand(NOTHING);
    this.#channel = { read, write, reads: 0, writes: 0 };
    return payload;
  }

  seal(plain) {
    return aesEncryptGCM(plain, this.#channel.write, counter(this.#channel.writes++), NOTHING);
  }

  open(sealed) {
    return aesDecryptGCM(sealed, this.#channel.read, counter(this.#channel.reads++), NOTHING);
  }

  #certificates() {
    const { Details } = proto.CertChain.NoiseCertificate;
    const between = Curve.generateKeyPair();
    const signed = (details, by) => ({ details, signature: Curve.sign(by.private, details) });
    const intermediate = Details.encode({ serial: 1, issuerSerial: 0, key: between.public }).finish();
    const leaf = Details.encode({ serial: 2, issuerSerial: 1, key: this.keys.static.public }).finish();
    return proto.CertChain.encode({
      intermediate: signed(intermediate, this.keys.root),
      leaf: signed(leaf, between),
    }).finish();
  }

  #authenticate(data) {
    this.#hash = createHash("sha256").update(this.#hash).update(data).digest();
  }

  #expand(data) {
    const bytes = Buffer.from(hkdfSync("sha256", Buffer.from(data), this.#salt, "", 64));
    return [bytes.subarray(0, 32), bytes.subarray(32)];
  }

  #mix(data) {
    [this.#salt, this.#key] = this.#expand(data);
    this.#count = 0;
  }

  #encrypt(plain) {
    const sealed = aesEncryptGCM(plain, this.#key, counter(this.#count++), this.#hash);
    this.#authenticate(sealed);
    return sealed;
  }

  #decrypt(sealed) {
    const plain = aesDecryptGCM(sealed, this.#key, counter(this.#count++), this.#hash);
    this.#authenticate(sealed);
    return plain;
  }
}
