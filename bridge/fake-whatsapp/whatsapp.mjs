// A WhatsApp of one's own, on this machine: accounts, people and their phones, and a server that can be told to fail.
// Real Baileys talks to it over the real protocol. For tests, the demo and `oxyq simulate`; it remembers nothing.
import { once } from "node:events";

import { Curve, getBinaryNodeChild, getBinaryNodeChildren, jidDecode, proto } from "baileys";
import { WebSocketServer } from "ws";

import { contactKey } from "../src/numbers.mjs";
import { Account } from "./account.mjs";
import { Connection } from "./connection.mjs";
import { Phone } from "./phone.mjs";
import { ackStanza, inboundStanza, receiptStanza, typedStanza } from "./stanzas.mjs";

/** @typedef {{noAck?: boolean, error?: string, kill?: boolean, drop?: boolean, forId?: string, count?: number}} Policy */

export class FakeWhatsApp {
  keys = { root: Curve.generateKeyPair(), static: Curve.generateKeyPair() };
  accounts = new Map(); // number -> Account
  connections = new Set();
  inbox = []; // what people's phones decrypted
  stanzas = new Map(); // message id -> how often it came
  receipts = []; // what devices confirmed
  #people = new Map(); // contact key, and digits of the hidden id -> Phone
  #absent = new Set();
  #policies = [];

  async listen(port = 0) {
    this.server = new WebSocketServer({ port, host: "127.0.0.1" });
    this.server.on("connection", (socket) => this.connections.add(new Connection(socket, this)));
    await once(this.server, "listening");
    return `ws://127.0.0.1:${this.server.address().port}/ws/chat`;
  }

  /** What clients must trust, as hex. */
  get root() {
    return Buffer.from(this.keys.root.public).toString("hex");
  }

  async close() {
    for (const connection of this.connections) connection.cut();
    this.server.close();
    await once(this.server, "close");
  }

  account(number) {
    if (!this.accounts.has(number)) {
      const account = new Account(number, `9${number}`);
      this.accounts.set(number, account);
      this.#remember(account.phone);
    }
    return this.accounts.get(number);
  }

  /**
   * Somebody with a phone. Everybody is on WhatsApp unless told otherwise.
   * @param {string} number digits, as WhatsApp is to know them
   * @param {{lid?: string, absent?: boolean}} [how] lid: digits of the hidden id; absent: not on WhatsApp
   */
  person(number, { lid, absent = false } = {}) {
    const key = contactKey(number);
    if (absent) this.#absent.add(key);
    const known = this.#people.get(key);
    if (!known || (lid && known.lid !== `${lid}@lid`)) this.#remember(new Phone(number, lid ?? `7${number}`));
    return this.#people.get(key);
  }

  /** The phone behind an address, which is made up if it has never been heard of; undefined for nobody. */
  phone(jid) {
    const { user, server } = jidDecode(jid) ?? {};
    if (server === "lid") return this.#people.get(user);
    if (this.#absent.has(contactKey(user))) return undefined;
    const phone = this.person(user);
    return phone.number === user ? phone : undefined; // known with the ninth digit, or without, and by no other form
  }

  /** @param {Policy} policy for the next `count` messages (1), or for those with one id; the first that fits is taken */
  set policy(policy) {
    this.#policies.push({ count: 1, ...policy });
  }

  /** Somebody scanned the code that a device shows. */
  scan(qr, number) {
    const connection = [...this.connections].find(({ refs }) => refs.some((ref) => qr.includes(ref)));
    if (!connection) throw new Error("no device shows this code");
    connection.scanned(qr, this.account(number));
  }

  /** Somebody typed the code that a device shows on the phone of this number. */
  async type(code, number) {
    const connection = [...this.connections].find(({ hello }) => hello && jidDecode(hello.attrs.jid)?.user === number);
    if (!connection) throw new Error("no device shows a code for this number");
    await connection.typed(code, this.account(number));
  }

  /** Somebody writes to an account; see stanzas.mjs for what may be said. Gives the message's id. */
  async inbound(to, fields) {
    const phone = this.person(fields.from, { lid: fields.lid });
    let id;
    for (const device of this.account(to).devices.values()) {
      const stanza = await inboundStanza(phone, device, { ...fields, id: id ?? fields.id });
      id = stanza.attrs.id;
      device.deliver(stanza);
    }
    return id;
  }

  /** A person of the business writes to somebody, on the phone. */
  typed(account, { to, text, id }) {
    const stanza = typedStanza(this.account(account).phone, this.person(to), { text, id });
    for (const device of this.account(account).devices.values()) device.deliver(stanza);
    return stanza.attrs.id;
  }

  /** What becomes of a message later: type "delivered", "read", or "sent" for the server's late answer; or an error. */
  receipt({ id, type, error }) {
    const sent = this.inbox.findLast((entry) => entry.id === id);
    const device = this.#devices().find(({ account }) => account.number === sent?.account) ?? this.#devices()[0];
    const from = sent?.jid ?? "0@s.whatsapp.net";
    device?.connection?.send(
      error || type === "sent" ? ackStanza({ id, from, error }) : receiptStanza({ id, from, type }),
    );
  }

  /** The account's owner removes its linked devices. */
  logout(number) {
    const account = this.account(number);
    for (const { connection } of account.devices.values())
      connection?.end(401, { tag: "conflict", attrs: { type: "device_removed" } });
    account.devices.clear();
  }

  /** Connections break: as a network does, or with a code as the server does. */
  disconnect(number, code) {
    for (const { connection } of this.account(number).devices.values())
      code ? connection?.end(code) : connection?.cut();
  }

  confirmed({ id, to, type }) {
    this.receipts.push({ id, to, type });
  }

  /** A device sent a message. */
  async sent(connection, node) {
    const { id, to } = node.attrs;
    this.stanzas.set(id, (this.stanzas.get(id) ?? 0) + 1);
    const policy = this.#policyFor(id);
    if (policy.drop) return;
    const phone = this.phone(to);
    if (phone && !policy.error) await this.#read(connection.device, phone, node);
    if (policy.kill) return connection.cut();
    if (!policy.noAck) connection.send(ackStanza({ id, from: to, error: policy.error }));
    if (!policy.error && !policy.noAck && phone) connection.send(receiptStanza({ id, from: to }));
  }

  async #read(device, phone, { attrs, content }) {
    for (const {
      attrs: { jid },
      content: [enc],
    } of getBinaryNodeChildren(getBinaryNodeChild({ content }, "participants"), "to")) {
      if (this.phone(jid) !== phone) continue; // the copy for the account's own phone
      const message = proto.Message.toObject(await phone.decrypt(device, enc), { bytes: String, longs: Number });
      const text = message.conversation ?? message.extendedTextMessage?.text;
      this.inbox.push({
        id: attrs.id,
        account: device.account.number,
        to: phone.number,
        jid: attrs.to,
        text,
        message,
        at: Date.now(),
      });
    }
  }

  #policyFor(id) {
    const at = this.#policies.findIndex(({ forId }) => forId === undefined || forId === id);
    if (at < 0) return {};
    const policy = this.#policies[at];
    policy.count -= 1;
    if (policy.count <= 0) this.#policies.splice(at, 1);
    return policy;
  }

  #devices() {
    return [...this.accounts.values()].flatMap(({ devices }) => [...devices.values()]);
  }

  #remember(phone) {
    this.#people.set(contactKey(phone.number), phone);
    this.#people.set(phone.lid.split("@")[0], phone);
  }
}
