// One number: its connection to WhatsApp, from linking it to being logged out.
import { EventEmitter, once } from "node:events";

import { initAuthCreds, makeWASocket, WA_CERT_DETAILS } from "baileys";

import { Addresses } from "./addresses.mjs";
import { AuthState, LeaseLost } from "./auth_state.mjs";
import { Failure } from "./failures.mjs";
import { Hearing } from "./hearing.mjs";
import { jidOf, numberOf } from "./jids.mjs";
import { baileysLogger } from "./logs.mjs";
import { Outbound } from "./outbound.mjs";
import { Recent } from "./recent.mjs";
import { afterClose, backoff } from "./reconnect.mjs";
import { SentMessages } from "./sent_messages.mjs";
import { pause, withinMs } from "./waiting.mjs";

const PAIRING_MS = 20_000;
const QUERY_MS = 10_000;
const UNLINKED_MS = 10_000;
const DEVICES_MS = 5 * 60 * 1000; // as Baileys keeps them
const RETRIES_MS = 60 * 60 * 1000;

/**
 * @typedef {object} Connection
 * @property {object} socket Baileys'
 * @property {AbortSignal} closed
 * @property {import("./lease.mjs").Lease} lease
 */

export class Session {
  state = "closed";
  detail = "";
  qr = null;
  code = null;
  #auth;
  #connection; // the open one, or the one that is being opened
  #failures = 0; // connections in a row that ended before they were open
  #phone; // to link by code instead of by QR
  #stopping = new AbortController();
  #changes = new EventEmitter();
  #saved = Promise.resolve();

  /**
   * @param {{id: string, organizationId: string, hearsGroups?: boolean}} record the instance as it is stored
   * @param {import("./lease.mjs").Lease} lease
   * @param {object} parts redis, keys, authSealer, sentSealer, intake, events, settings, log, metrics
   */
  constructor(record, lease, parts) {
    const instance = record.id;
    Object.assign(this, parts, { record, lease, instance });
    this.logger = baileysLogger(this.log, instance);
    this.devices = new Recent(DEVICES_MS);
    this.retries = new Recent(RETRIES_MS);
    this.sent = new SentMessages({ ...parts, sealer: parts.sentSealer, instance });
    this.addresses = new Addresses({ ...parts, instance });
    this.outbound = new Outbound({
      ...parts,
      instance,
      addresses: this.addresses,
      sent: this.sent,
      devices: this.devices,
      logger: this.logger,
    });
    this.hearing = new Hearing({
      ...parts,
      addresses: this.addresses,
      outbound: this.outbound,
      record: () => this.record,
      tell: (event) => this.#tell(event),
      report: (error) => this.#report(error),
    });
    this.#changes.setMaxListeners(0);
    lease.lost.addEventListener("abort", () => this.#close("another bridge has the number"));
  }

  /** Reads the keys, and connects when a phone has linked the number. */
  async open() {
    this.#auth = await AuthState.load({ ...this, sealer: this.authSealer });
    if (this.#auth.isPaired) this.#connect();
    else this.#become("needs_pairing", "no phone is linked to it");
  }

  /** Refuses everything, for a reason that somebody must see to. */
  halt(detail) {
    this.#become("halted", detail);
  }

  /** How it stands, for callers. */
  get view() {
    const number = numberOf(this.#auth?.isPaired && this.#auth.creds.me?.id) ?? null;
    return { id: this.instance, state: this.state, detail: this.detail, number, qr: this.qr, code: this.code };
  }

  /**
   * Begins (again) to link it, by QR or, for a phone's number, by code; returns when there is something to show.
   * @param {string} [phone] digits
   */
  async pair(phone) {
    if (!this.#auth) throw new Failure("halted", this.detail);
    const isUnderWay = this.#connection && (this.#auth.isPaired || this.#phone === phone);
    if (this.state !== "open" && !isUnderWay) {
      this.#end();
      this.#phone = this.#auth.isPaired ? undefined : phone;
      if (!this.#auth.isPaired) this.#auth.creds = initAuthCreds(); // a broken-off link leaves half of one
      this.#failures = 0;
      this.#become(this.#auth.isPaired ? "connecting" : "needs_pairing", "asked WhatsApp for a code");
      this.#connect();
    }
    await this.#until(
      () => this.state === "open" || this.state === "halted" || (phone ? this.code : this.qr),
      PAIRING_MS,
    );
    return this.view;
  }

  /** Ends the link, at WhatsApp too when it can be reached. */
  async logout() {
    const connection = this.#connection;
    if (this.state === "open" && connection) await withinMs(QUERY_MS, connection.socket.logout()).catch(() => {});
    this.#end();
    await this.#unpair("it was logged out here; link it again by phone");
  }

  /** Sends one message; see Outbound.send. */
  send(message, content) {
    return this.outbound.send(() => this.connection, message, content);
  }

  /** Shows for `ms` that something is being written. */
  async typing(to, ms) {
    const { socket, closed } = this.connection;
    const jid = await this.addresses.of(socket, to);
    if (!jid) throw new Failure("never", "this number is not on WhatsApp");
    await socket.sendPresenceUpdate("composing", jid);
    if (ms)
      pause(ms, closed)
        .then(() => socket.sendPresenceUpdate("paused", jid))
        .catch(() => {});
  }

  /** Shows somebody that we read what they wrote. */
  async read(chat, ids) {
    const jid = numberOf(chat) ? jidOf(numberOf(chat)) : /^\d+$/.test(chat) ? jidOf(chat) : chat;
    await this.connection.socket.readMessages(ids.map((id) => ({ remoteJid: jid, id, fromMe: false })));
  }

  /** Which numbers are on WhatsApp; see Addresses.resolve. */
  resolve(numbers) {
    return this.addresses.resolve(this.connection.socket, numbers);
  }

  /** @returns {Connection} throws Failure when nothing can be sent now */
  get connection() {
    if (this.state === "halted") throw new Failure("halted", this.detail);
    // Whoever links it waits for what was kept back; to ask us again costs WhatsApp nothing.
    if (this.state === "needs_pairing") throw new Failure("not_ready", this.detail, { retryAfterMs: UNLINKED_MS });
    if (this.state !== "open" || !this.lease.isOurs)
      throw new Failure("not_ready", this.detail || "the number is not connected");
    return this.#connection;
  }

  /** Lets sends end, then closes; the lease is released by whoever took it. */
  async stop(graceMs) {
    await withinMs(graceMs, this.outbound.settled()).catch(() => {});
    this.#close("this bridge is stopping");
    await Promise.allSettled([this.hearing.settled(), this.#saved]);
  }

  #connect() {
    const { whatsapp } = this.settings;
    if (whatsapp) WA_CERT_DETAILS.PUBLIC_KEY = Buffer.from(whatsapp.root, "hex");
    const ended = new AbortController();
    const socket = makeWASocket({
      ...(whatsapp && { waWebSocketUrl: whatsapp.url }),
      auth: { creds: this.#auth.creds, keys: this.#auth.keys },
      logger: this.logger,
      syncFullHistory: false,
      shouldSyncHistoryMessage: () => false,
      markOnlineOnConnect: false, // otherwise the phone gets no notifications
      emitOwnEvents: false,
      defaultQueryTimeoutMs: QUERY_MS,
      // Our store waits for Redis by itself, as long as the lease lasts.
      transactionOpts: { maxCommitRetries: 1, delayBetweenTriesMs: 0 },
      userDevicesCache: this.devices,
      msgRetryCounterCache: this.retries,
      makeSignalRepository: this.hearing.signal,
      getMessage: ({ id }) => this.sent.find(id).catch(() => undefined),
    });
    this.hearing.attach(socket);
    this.#connection = { socket, closed: ended.signal, lease: this.lease, ended };
    const here = (handle) => (value) => this.#connection?.socket === socket && handle(value);
    const [save, update] = [here(() => this.#save()), here((news) => this.#update(news))];
    socket.ev.on("creds.update", save);
    socket.ev.on("connection.update", update);
  }

  #update({ connection, lastDisconnect, qr }) {
    if (qr) this.#show(qr);
    if (connection === "connecting" && this.#auth.isPaired) this.#become("connecting", "connecting to WhatsApp");
    if (connection === "open") {
      this.#failures = 0;
      Object.assign(this, { qr: null, code: null });
      this.#phone = undefined;
      this.#become("open", "connected");
    }
    if (connection === "close") {
      const { error } = lastDisconnect ?? {};
      this.#ended(error?.output?.statusCode).catch((cause) => this.#report(cause));
    }
  }

  #show(qr) {
    if (!this.#phone) {
      this.qr = qr;
      this.#become("needs_pairing", "scan the code with the phone: Linked devices, Link a device");
    } else if (!this.code) {
      const { socket } = this.#connection;
      socket.requestPairingCode(this.#phone).then(
        (code) => {
          this.code = code;
          this.#become("needs_pairing", "type the code on the phone: Linked devices, Link with phone number");
        },
        (error) => this.#report(error),
      );
    }
  }

  async #ended(code) {
    this.#end();
    if (this.#stopping.signal.aborted) return;
    this.metrics.disconnected();
    this.#failures += 1;
    const step = afterClose(code, { isPaired: this.#auth.isPaired, failures: this.#failures });
    this.log("info", "session.closed", { instance: this.instance, code, next: step.next });
    Object.assign(this, { qr: null, code: null });
    if (step.next === "unpair") return this.#unpair(step.detail);
    this.#become(step.state, step.detail);
    if (step.next === "leave") return this.#changes.emit("leave");
    if (step.next !== "reopen") return;
    const { signal } = this.#stopping;
    const failures = this.#failures;
    await pause(backoff(code, failures), signal);
    // Somebody may have asked to link it meanwhile.
    if (!signal.aborted && !this.#connection) this.#connect();
  }

  /** Calls back when the number is to be given up, though the lease may still be ours. */
  onLeave(handle) {
    this.#changes.once("leave", handle);
  }

  async #unpair(detail) {
    this.#phone = undefined;
    this.#become("needs_pairing", detail);
    await this.#saved; // so that no older keys are written behind it
    await this.#auth.wipe();
  }

  #save() {
    this.#saved = this.#saved.then(() => this.#auth.saveCreds()).catch((error) => this.#report(error));
  }

  #become(state, detail) {
    const isNews = state !== this.state || detail !== this.detail;
    Object.assign(this, { state, detail });
    this.#changes.emit("change");
    if (!isNews) return;
    this.log("info", "session.state", { instance: this.instance, state, detail });
    this.#tell({ type: "connection", state, detail });
  }

  #tell(event) {
    this.events.tell(this.instance, event).catch((error) => this.#report(error));
  }

  #report(error) {
    if (error instanceof LeaseLost) return; // said where it was lost
    this.log("error", "session.error", { instance: this.instance, why: error?.name ?? "unknown" });
  }

  #close(detail) {
    this.#stopping.abort();
    this.#end();
    if (this.lease.isOurs) this.#become("closed", detail);
    else Object.assign(this, { state: "closed", detail }); // its new holder says how it stands
  }

  #end() {
    const connection = this.#connection;
    this.#connection = undefined;
    Object.assign(this, { qr: null, code: null });
    connection?.ended.abort();
    connection?.socket.end(undefined).catch(() => {});
  }

  async #until(holds, ms) {
    const signal = AbortSignal.any([AbortSignal.timeout(ms), this.#stopping.signal]);
    while (!holds() && !signal.aborted) await once(this.#changes, "change", { signal }).catch(() => {});
  }
}
