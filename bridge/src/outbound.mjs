// Sends a message, and answers only when WhatsApp's server has it: Baileys itself is content when the bytes are written.
import { generateWAMessage } from "baileys";

import { Failure, refused } from "./failures.mjs";
import { Recent } from "./recent.mjs";
import { withinMs } from "./waiting.mjs";

const ACK_MS = 15_000;
const RELAY_MS = 1000; // to say that it was not even written, when the connection ended
const REMEMBER_MS = 10 * 60 * 1000;
const STALE_DEVICES = "479";

export class Outbound {
  #underWay = new Map(); // id -> promise of its answer
  #acked = new Recent(REMEMBER_MS, 100_000); // id -> when, in ms
  #refused = new Recent(REMEMBER_MS, 100_000); // ids whose failure the caller was told
  #unanswered = new Recent(REMEMBER_MS, 100_000); // ids that may have gone out

  /**
   * @param {{addresses: import("./addresses.mjs").Addresses, sent: import("./sent_messages.mjs").SentMessages,
   *   devices: Recent, logger: object, log: import("./logs.mjs").Log, instance: string}} parts
   */
  constructor(parts) {
    Object.assign(this, parts);
  }

  /**
   * Sends it, or finds that it went out already; concurrent calls with one id are one send.
   * @param {() => import("./session.mjs").Connection} connection throws Failure when there is none
   * @param {{id: string, to: string}} message with its content, as `content.mjs` reads it
   * @returns {Promise<{id: string, acked: true, at: number}>}
   */
  send(connection, message, content) {
    const { id } = message;
    if (this.#acked.has(id)) return Promise.resolve({ id, acked: true, at: this.#acked.get(id) });
    if (!this.#underWay.has(id)) {
      const answer = this.#send(connection(), message, content).finally(() => this.#underWay.delete(id));
      this.#underWay.set(id, answer);
    }
    return this.#underWay.get(id);
  }

  /** Whether we sent a message of this id: others from this account were typed by people. */
  isOurs(id) {
    return this.#underWay.has(id) || [this.#acked, this.#refused, this.#unanswered].some((known) => known.has(id));
  }

  /** Whether the caller of `send` hears of this failure anyway. */
  isToldOf(id) {
    return this.#underWay.has(id) || this.#refused.has(id);
  }

  /** The server's answer to a message, whoever still waits for it; true when nobody does, and it is news. */
  isLateAck(id) {
    if (!this.#unanswered.has(id)) return false;
    this.#unanswered.del(id);
    this.#acked.set(id, Date.now());
    return true;
  }

  /** Resolves when nothing is under way any more. */
  async settled() {
    await Promise.allSettled(this.#underWay.values());
  }

  async #send(connection, { id, to }, content) {
    const { socket } = connection;
    try {
      const jid = await this.#address(connection, to);
      const { message } = await this.#built(socket, jid, id, content);
      this.sent
        .store(id, message)
        .catch((error) => this.log("warning", "sent.not_stored", { instance: this.instance, id, why: error.name }));
      let code = await this.#relay(connection, jid, message, id);
      if (code === STALE_DEVICES) {
        this.devices.flushAll();
        await socket.assertSessions([jid], true).catch(() => {});
        code = await this.#relay(connection, jid, message, id);
      }
      if (code) throw refused(code);
    } catch (error) {
      (error.kind === "maybe_sent" ? this.#unanswered : this.#refused).set(id, true);
      throw error;
    }
    const at = Date.now();
    this.#acked.set(id, at);
    return { id, acked: true, at };
  }

  async #address({ socket }, to) {
    let jid;
    try {
      jid = await this.addresses.of(socket, to);
    } catch {
      throw new Failure("not_sent", "WhatsApp did not say how to reach this number");
    }
    if (!jid) throw new Failure("never", "this number is not on WhatsApp");
    return jid;
  }

  async #built(socket, jid, id, content) {
    try {
      const options = { logger: this.logger, userJid: socket.user.id, upload: socket.waUploadToServer, messageId: id };
      return await generateWAMessage(jid, content, options);
    } catch {
      throw new Failure("not_sent", "its file could not be fetched, or not handed to WhatsApp");
    }
  }

  /** @returns {Promise<string | undefined>} the error in the server's answer */
  async #relay({ socket, closed, lease }, jid, message, id) {
    if (!lease.isOurs) throw new Failure("not_ready", "this bridge is about to lose the number");
    // Listening before it is written: the answer may come sooner than the promise of having written it.
    const ack = withinMs(ACK_MS, socket.waitForMessage(id, ACK_MS), closed).catch(() => undefined);
    const relayed = socket.relayMessage(jid, message, { messageId: id }).then(() => undefined, unwritten);
    const acked = ack.then(async (node) =>
      node ? { node } : ((await withinMs(RELAY_MS, relayed).catch(() => undefined)) ?? {}),
    );
    const answer = await Promise.race([acked, relayed.then((failed) => failed ?? acked)]);
    if (answer.unwritten) {
      const isClosed = closed.aborted || answer.unwritten.output?.statusCode === 428;
      throw new Failure(
        isClosed ? "not_ready" : "not_sent",
        isClosed ? "the connection was closed" : "WhatsApp did not answer in time",
      );
    }
    if (!answer.node) throw new Failure("maybe_sent", "it was written, and WhatsApp did not say that it has it");
    return answer.node.attrs.error;
  }
}

// Before it writes the message, Baileys fails with an error of its own, or with the code that closed the connection; what
// else comes out of it may come after.
function unwritten(error) {
  return error?.isBoom || typeof error === "number" ? { unwritten: error } : undefined;
}
