// What lies in Redis of a number's keys and messages is sealed: AES-256-GCM, tied to the place it lies in.
import { createCipheriv, createDecipheriv, createHmac, randomBytes } from "node:crypto";

const VERSION = "v1:";
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** A key for one purpose, made from the one secret: 32 bytes. */
export function derived(secret, purpose) {
  return createHmac("sha256", secret).update(purpose).digest();
}

export class Sealer {
  /** @param {string} secret @param {string} purpose such as "oxyq bridge auth" */
  constructor(secret, purpose) {
    this.key = derived(secret, purpose);
  }

  /** @param {Buffer | Uint8Array | string} content @param {string} place */
  seal(content, place) {
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv("aes-256-gcm", this.key, nonce).setAAD(Buffer.from(place));
    return (
      VERSION + Buffer.concat([nonce, cipher.update(content), cipher.final(), cipher.getAuthTag()]).toString("base64")
    );
  }

  /** What was sealed at this place; throws when it was not, or with another key. */
  open(sealed, place) {
    const raw = Buffer.from(sealed.slice(VERSION.length), "base64");
    if (!sealed.startsWith(VERSION) || raw.length < NONCE_BYTES + TAG_BYTES)
      throw new Error("is not sealed by this bridge");
    const cipher = createDecipheriv("aes-256-gcm", this.key, raw.subarray(0, NONCE_BYTES)).setAAD(Buffer.from(place));
    cipher.setAuthTag(raw.subarray(-TAG_BYTES));
    return Buffer.concat([cipher.update(raw.subarray(NONCE_BYTES, -TAG_BYTES)), cipher.final()]);
  }
}
