// What a phone does to link a device: scan its QR code, or type the code it shows.
import { randomBytes } from "node:crypto";

import {
  aesDecryptCTR,
  aesDecryptGCM,
  aesEncryptCTR,
  Curve,
  derivePairingCodeKey,
  getBinaryNodeChild,
  hkdf,
  hmacSign,
  proto,
} from "baileys";

const SERVER = "s.whatsapp.net";
const NOTHING = Buffer.alloc(0);

/** What a device waits with until somebody links it: the refs that its QR codes begin with. */
export function invitation(refs) {
  const content = refs.map((ref) => ({ tag: "ref", attrs: {}, content: Buffer.from(ref) }));
  return {
    tag: "iq",
    attrs: { type: "set", id: "invite", from: SERVER, xmlns: "md" },
    content: [{ tag: "pair-device", attrs: {}, content }],
  };
}

/** The parts of a QR code: "ref,noise key,identity key,secret[,platform]", perhaps behind an address and #. */
export function readQr(qr) {
  const [ref, , identity, secret] = qr.split("#").pop().split(",");
  return { ref, identity: Buffer.from(identity, "base64"), secret: Buffer.from(secret, "base64") };
}

/** The stanza that tells a device that it is linked: the account vouches for its identity, proved by the shared secret. */
export function linked(device, identity, secret) {
  const { signedIdentityKey: key } = device.account.phone.creds;
  const details = proto.ADVDeviceIdentity.encode({ rawId: 1, timestamp: 1, keyIndex: device.id }).finish();
  const accountSignature = Curve.sign(key.private, Buffer.concat([Buffer.from([6, 0]), details, identity]));
  const vouched = proto.ADVSignedDeviceIdentity.encode({
    details,
    accountSignatureKey: key.public,
    accountSignature,
  }).finish();
  const proved = proto.ADVSignedDeviceIdentityHMAC.encode({
    details: vouched,
    hmac: hmacSign(vouched, secret),
  }).finish();
  const content = [
    { tag: "device-identity", attrs: {}, content: proved },
    { tag: "device", attrs: { jid: device.jid, lid: device.lidJid } },
    { tag: "platform", attrs: { name: "android" } },
    { tag: "biz", attrs: { name: "Loja" } },
  ];
  const attrs = { type: "set", id: "linked", from: SERVER, xmlns: "md", t: String(Math.floor(Date.now() / 1000)) };
  return { tag: "iq", attrs, content: [{ tag: "pair-success", attrs: {}, content }] };
}

/** The phone's side of linking by code, for one device that has shown one. */
export class TypedCode {
  #ephemeral = Curve.generateKeyPair();

  /** @param {object} hello the device's first node @param {object} identity the phone's key pair */
  constructor(hello, identity) {
    this.hello = hello;
    this.identity = identity;
  }

  /** What the phone sends when somebody typed the code. */
  async answer(code) {
    const wrapped = Buffer.from(
      getBinaryNodeChild(this.hello, "link_code_pairing_wrapped_companion_ephemeral_pub").content,
    );
    const key = await derivePairingCodeKey(code, wrapped.subarray(0, 32));
    this.companion = aesDecryptCTR(wrapped.subarray(48), key, wrapped.subarray(32, 48));
    const [salt, iv] = [randomBytes(32), randomBytes(16)];
    const ours = aesEncryptCTR(this.#ephemeral.public, await derivePairingCodeKey(code, salt), iv);
    const content = [
      { tag: "link_code_pairing_wrapped_primary_ephemeral_pub", attrs: {}, content: Buffer.concat([salt, iv, ours]) },
      { tag: "primary_identity_pub", attrs: {}, content: this.identity.public },
      { tag: "link_code_pairing_ref", attrs: {}, content: Buffer.from("ref") },
    ];
    const attrs = {
      from: SERVER,
      type: "link_code_companion_reg",
      id: "typed",
      t: String(Math.floor(Date.now() / 1000)),
    };
    return {
      tag: "notification",
      attrs,
      content: [{ tag: "link_code_companion_reg", attrs: { stage: "primary_hello" }, content }],
    };
  }

  /** The identity and the secret in the device's last node; throws when the code was another one. */
  finish(node) {
    const bundle = Buffer.from(getBinaryNodeChild(node, "link_code_pairing_wrapped_key_bundle").content);
    const shared = Curve.sharedKey(this.#ephemeral.private, this.companion);
    const key = hkdf(shared, 32, { salt: bundle.subarray(0, 32), info: "link_code_pairing_key_bundle_encryption_key" });
    const opened = aesDecryptGCM(bundle.subarray(44), key, bundle.subarray(32, 44), NOTHING);
    const identity = opened.subarray(0, 32);
    const both = Buffer.concat([shared, Curve.sharedKey(this.identity.private, identity), opened.subarray(64)]);
    return { identity, secret: Buffer.from(hkdf(both, 32, { info: "adv_secret" })) };
  }
}
