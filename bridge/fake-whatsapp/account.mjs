// A business's account: its phone, and the devices that were linked to it.
import { getBinaryNodeChild, getBinaryNodeChildren } from "baileys";

import { Phone } from "./phone.mjs";

export class Account {
  devices = new Map(); // id -> Device
  #nextDevice = 1;

  constructor(number, lid) {
    this.number = number;
    this.phone = new Phone(number, lid);
  }

  link() {
    const device = new Device(this, this.#nextDevice++);
    this.devices.set(device.id, device);
    return device;
  }
}

/** One linked device: what Baileys is to WhatsApp. */
export class Device {
  connection; // the open one
  waiting = new Map(); // stanzas that it has not confirmed, by what identifies them
  #identity;
  #preKeys = [];

  constructor(account, id) {
    this.account = account;
    this.id = id;
    this.jid = `${account.number}:${id}@s.whatsapp.net`;
    this.lidJid = account.phone.lid.replace("@", `:${id}@`);
  }

  get preKeys() {
    return this.#preKeys.length;
  }

  /** Keeps a stanza until the device has confirmed it, and sends it if it is there. */
  deliver(stanza) {
    this.waiting.set(stanzaKey(stanza.attrs), stanza);
    if (this.connection?.isActive) this.connection.send(stanza);
  }

  confirm(attrs) {
    this.waiting.delete(stanzaKey({ ...attrs, from: attrs.to }));
  }

  /** The keys that the device uploaded, for those who write to it first. */
  keep(content) {
    const child = (node, tag) => getBinaryNodeChild(node, tag)?.content;
    const node = { content };
    const signed = getBinaryNodeChild(node, "skey");
    if (signed)
      this.#identity = {
        registrationId: Buffer.from(child(node, "registration")).readUInt32BE(0),
        identityKey: signalKey(child(node, "identity")),
        signedPreKey: {
          keyId: number(child(signed, "id")),
          publicKey: signalKey(child(signed, "value")),
          signature: child(signed, "signature"),
        },
      };
    for (const key of getBinaryNodeChildren(getBinaryNodeChild(node, "list"), "key"))
      this.#preKeys.push({ keyId: number(child(key, "id")), publicKey: signalKey(child(key, "value")) });
  }

  takeBundle() {
    return { ...this.#identity, preKey: this.#preKeys.shift() };
  }
}

const stanzaKey = ({ from, participant = "", id }) => `${from} ${participant} ${id}`;
const number = (bytes) => Buffer.from(bytes).readUIntBE(0, bytes.length);
const signalKey = (bytes) => Buffer.concat([Buffer.from([5]), bytes]);
