// Somebody's phone: a number, a hidden id, and a Signal identity that encrypts and decrypts for real.
import { randomInt } from "node:crypto";

import {
  addTransactionCapability,
  Curve,
  DEFAULT_CONNECTION_CONFIG,
  encodeBigEndian,
  initAuthCreds,
  proto,
  unpadRandomMax16,
  writeRandomPadMax16,
  xmppPreKey,
  xmppSignedPreKey,
} from "baileys";

const KEY_TYPE = Buffer.from([5]);
const quiet = { level: "silent", child: () => quiet, trace() {}, debug() {}, info() {}, warn() {}, error() {} };

export class Phone {
  #keys = addTransactionCapability(memory(), quiet, { maxCommitRetries: 1, delayBetweenTriesMs: 1 });
  #introduced = new Set(); // devices whose keys we have
  #turn = Promise.resolve();

  /** @param {string} number digits, as WhatsApp registered them @param {string} lid digits of the hidden id */
  constructor(number, lid) {
    this.number = number;
    this.jid = `${number}@s.whatsapp.net`;
    this.lid = `${lid}@lid`;
    this.creds = initAuthCreds();
    this.signal = DEFAULT_CONNECTION_CONFIG.makeSignalRepository(
      { creds: this.creds, keys: this.#keys },
      quiet,
      async () => [],
    );
  }

  /** What somebody who writes to this phone for the first time needs; each bundle can be used once. */
  async bundle(jid) {
    const id = randomInt(1, 2 ** 24);
    const preKey = Curve.generateKeyPair();
    await this.#keys.set({ "pre-key": { [id]: preKey } });
    const content = [
      { tag: "registration", attrs: {}, content: encodeBigEndian(this.creds.registrationId) },
      { tag: "type", attrs: {}, content: KEY_TYPE },
      { tag: "identity", attrs: {}, content: this.creds.signedIdentityKey.public },
      xmppSignedPreKey(this.creds.signedPreKey),
      xmppPreKey(preKey, id),
    ];
    return { tag: "user", attrs: { jid }, content };
  }

  /** The message in an `enc` node that came from this device. */
  decrypt(device, { attrs, content }) {
    return this.#alone(async () => {
      const plain = await this.signal.decryptMessage({ jid: device.lidJid, type: attrs.type, ciphertext: content });
      this.#introduced.add(device.lidJid);
      return proto.Message.decode(unpadRandomMax16(plain));
    });
  }

  /** An `enc` node with this message for a device. */
  encrypt(device, message) {
    return this.#alone(async () => {
      if (!this.#introduced.has(device.lidJid))
        await this.signal.injectE2ESession({ jid: device.lidJid, session: device.takeBundle() });
      this.#introduced.add(device.lidJid);
      const data = writeRandomPadMax16(proto.Message.encode(message).finish());
      const { type, ciphertext } = await this.signal.encryptMessage({ jid: device.lidJid, data });
      return { tag: "enc", attrs: { v: "2", type }, content: ciphertext };
    });
  }

  #alone(work) {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => {});
    return result;
  }
}

function memory() {
  const stored = new Map();
  return {
    get: (type, ids) =>
      Object.fromEntries(ids.map((id) => [id, stored.get(`${type}:${id}`)]).filter(([, value]) => value !== undefined)),
    set: (data) => {
      for (const [type, of] of Object.entries(data))
        for (const [id, value] of Object.entries(of)) stored[value == null ? "delete" : "set"](`${type}:${id}`, value);
    },
  };
}
