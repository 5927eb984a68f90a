// One open socket of a device: its frames, and what is done with each node that comes in.
import { randomBytes } from "node:crypto";

import { decodeBinaryNode, encodeBinaryNode, getBinaryNodeChild } from "baileys";

import { NoiseServer } from "./noise.mjs";
import { invitation, linked, readQr, TypedCode } from "./pairing.mjs";
import { answered } from "./queries.mjs";

const SERVER = "s.whatsapp.net";
const HEADER_BYTES = 4;
const LENGTH_BYTES = 3;
const REFS = 6; // so that a QR code lives for some minutes

const seconds = () => String(Math.floor(Date.now() / 1000));

export class Connection {
  isActive = false; // the device has said that it wants messages
  device;
  refs = [];
  typedCode;
  #bytes = Buffer.alloc(0);
  #stage = "header";
  #turn = Promise.resolve();

  constructor(socket, whatsapp) {
    this.socket = socket;
    this.whatsapp = whatsapp;
    this.noise = new NoiseServer(whatsapp.keys);
    socket.on("message", (data) => {
      this.#bytes = Buffer.concat([this.#bytes, data]);
      this.#turn = this.#turn.then(() => this.#read()).catch(() => socket.terminate());
    });
    socket.on("error", () => {});
    socket.on("close", () => {
      if (this.device?.connection === this) this.device.connection = undefined;
      whatsapp.connections.delete(this);
    });
  }

  send(node) {
    if (this.socket.readyState === this.socket.OPEN) this.#write(this.noise.seal(encodeBinaryNode(node)));
  }

  /** Ends it as the server does, with a code of the stream, such as 515. */
  end(code, child) {
    this.send({ tag: "stream:error", attrs: code ? { code: String(code) } : {}, content: child && [child] });
    setTimeout(() => this.socket.close(), 20);
  }

  /** Ends it as a broken network does. */
  cut() {
    this.socket.terminate();
  }

  /** Somebody scanned the code that this device shows. */
  scanned(qr, account) {
    const { identity, secret } = readQr(qr);
    this.#link(account, identity, secret);
  }

  /** Somebody typed the code that this device shows. */
  async typed(code, account) {
    if (!this.hello) throw new Error("the device has shown no code yet");
    this.typedCode = new TypedCode(this.hello, account.phone.creds.signedIdentityKey);
    this.linkingTo = account;
    this.send(await this.typedCode.answer(code));
  }

  #link(account, identity, secret) {
    const device = account.link();
    this.send(linked(device, identity, secret));
  }

  #write(frame) {
    const length = Buffer.alloc(LENGTH_BYTES);
    length.writeUIntBE(frame.length, 0, LENGTH_BYTES);
    this.socket.send(Buffer.concat([length, frame]));
  }

  async #read() {
    if (this.#stage === "header") {
      if (this.#bytes.length < HEADER_BYTES) return;
      this.noise.begin(this.#taken(HEADER_BYTES));
      this.#stage = "hello";
    }
    while (this.#bytes.length >= LENGTH_BYTES) {
      const length = this.#bytes.readUIntBE(0, LENGTH_BYTES);
      if (this.#bytes.length < LENGTH_BYTES + length) return;
      await this.#frame(this.#taken(LENGTH_BYTES + length).subarray(LENGTH_BYTES));
    }
  }

  #taken(length) {
    const taken = this.#bytes.subarray(0, length);
    this.#bytes = this.#bytes.subarray(length);
    return taken;
  }

  async #frame(frame) {
    if (this.#stage === "hello") {
      this.#write(this.noise.hello(frame));
      this.#stage = "finish";
    } else if (this.#stage === "finish") {
      this.#begin(this.noise.finish(frame));
      this.#stage = "open";
    } else await this.#node(await decodeBinaryNode(this.noise.open(frame)));
  }

  #begin(payload) {
    if (payload.devicePairingData) {
      this.refs = Array.from({ length: REFS }, () => `2@${randomBytes(12).toString("base64url")}`);
      return this.send(invitation(this.refs));
    }
    const device = this.whatsapp.accounts.get(String(payload.username))?.devices.get(payload.device);
    if (!device) {
      this.send({ tag: "failure", attrs: { reason: "401", location: "fake" } });
      return setTimeout(() => this.socket.close(), 20);
    }
    device.connection?.end(undefined, { tag: "conflict", attrs: { type: "replaced" } });
    this.device = device;
    device.connection = this;
    this.send({ tag: "success", attrs: { t: seconds(), lid: device.lidJid, props: "1", companion_enc_static: "" } });
  }

  async #node(node) {
    const { tag, attrs } = node;
    if (tag === "iq" && attrs.type === "result") {
      // The device has taken the link: it is to connect again, now as a member of the account.
      if (attrs.id === "linked") this.end(515);
    } else if (tag === "iq") await this.#question(node);
    else if (tag === "message") await this.whatsapp.sent(this, node);
    else if (tag === "receipt" || tag === "ack") this.#confirmed(node);
  }

  async #question(node) {
    const reply = (content) =>
      this.send({ tag: "iq", attrs: { type: "result", id: node.attrs.id, from: SERVER }, content });
    const pairing = getBinaryNodeChild(node, "link_code_companion_reg");
    if (pairing?.attrs.stage === "companion_hello") this.hello = pairing;
    if (pairing?.attrs.stage === "companion_finish") {
      const { identity, secret } = this.typedCode.finish(pairing);
      reply();
      return this.#link(this.linkingTo, identity, secret);
    }
    reply(await answered(node, this.device, this.whatsapp));
    if (node.attrs.xmlns === "passive" && getBinaryNodeChild(node, "active")) this.#replay();
  }

  // What came in while the device was away, and what it never confirmed.
  #replay() {
    const waiting = [...this.device.waiting.values()];
    this.isActive = true;
    for (const stanza of waiting) this.send({ ...stanza, attrs: { ...stanza.attrs, offline: "0" } });
    this.send({
      tag: "ib",
      attrs: { from: SERVER },
      content: [{ tag: "offline", attrs: { count: String(waiting.length) } }],
    });
  }

  #confirmed({ tag, attrs }) {
    if (tag === "ack" && attrs.class !== "message") return;
    if (attrs.error) return; // the device could not do anything with it
    this.device?.confirm(attrs);
    this.whatsapp.confirmed(attrs);
  }
}
