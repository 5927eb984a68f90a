// What a number hears from WhatsApp: customers' messages for the queue, and for the API what became of ours and what
// people of the organization typed themselves.
import { Arrivals } from "./arrivals.mjs";
import { contentOf, inboundJob, judged, otherSide, Verdict } from "./inbound.mjs";
import { lidOf, numberOf } from "./jids.mjs";
import { jobId } from "./job_id.mjs";
import { withinMs } from "./waiting.mjs";

const LOOKUP_MS = 1000;
const STATUSES = { 3: "delivered", 4: "read", 5: "read" }; // proto.WebMessageInfo.Status; 0 is an error
const FAILED = 0;

export class Hearing {
  #arrivals = new Arrivals((message, kind) => this.#arrive(message, kind));
  #turn = Promise.resolve();
  #socket;

  /**
   * @param {{intake: import("./intake.mjs").Intake, addresses: import("./addresses.mjs").Addresses,
   *   outbound: import("./outbound.mjs").Outbound, record: () => {id: string, organizationId: string, hearsGroups?: boolean},
   *   tell: (event: object) => void, report: (error: Error) => void}} parts
   */
  constructor(parts) {
    Object.assign(this, parts);
  }

  /** What Baileys is to decrypt with, so that nothing is confirmed before it is safe. */
  get signal() {
    return this.#arrivals.signal;
  }

  /** Listens to a socket that was just made. */
  attach(socket) {
    this.#socket = socket;
    this.#arrivals.watch(socket);
    // What lies in Baileys' buffer was already confirmed to WhatsApp; ending the socket would throw it away.
    socket.registerSocketEndHandler(() => socket.ev.flush());
    socket.ev.on("messages.upsert", (upsert) => this.#handedOver(upsert));
    socket.ev.on("messages.update", (updates) => updates.forEach((update) => this.#note(update)));
    socket.ws.on("CB:ack,class:message", ({ attrs }) => {
      if (!attrs.error && this.outbound.isLateAck(attrs.id))
        this.tell({ type: "status", id: attrs.id, status: "sent", at: Date.now() });
    });
  }

  /** Resolves when all that was heard so far is taken care of. */
  settled() {
    return this.#turn;
  }

  /** A customer's message was decrypted, and is not confirmed yet; returns when it is in the queue or on the disk. */
  async #arrive(message, kind) {
    try {
      if (this.#judged(message, kind) === Verdict.take) await this.#take(await this.#job(message, kind));
    } catch (error) {
      this.report(error); // what Baileys hands over later is another chance
    }
  }

  #handedOver({ messages, type }) {
    const kind = type === "notify" ? "notify" : "append";
    for (const message of messages)
      this.#turn = this.#turn.then(() => this.#receive(message, kind)).catch((error) => this.report(error));
  }

  async #receive(message, kind) {
    const verdict = this.#judged(message, kind);
    if (verdict === Verdict.person) await this.#noticePerson(message);
    if (verdict !== Verdict.take) return;
    this.#take(await this.#job(message, kind)); // not awaited: many go in one round trip, in the order of the calls
  }

  #judged(message, kind) {
    return judged(message, { kind, hearsGroups: this.record().hearsGroups === true, nowMs: Date.now() });
  }

  async #job(message, kind) {
    const { id: instanceId, organizationId } = this.record();
    const sender = await this.#identified(message.key);
    return inboundJob(message, { organizationId, instanceId, kind, nowMs: Date.now(), sender });
  }

  #take(data) {
    const number = numberOf(data.from);
    if (number && !data.isGroup) this.addresses.learn(number);
    return this.intake.take(jobId(data), data);
  }

  async #identified(key) {
    const { user } = this.#socket;
    const own = new Set(key.fromMe ? [numberOf(user?.id), lidOf(user?.lid)] : []);
    // Of what people typed on the phone, the other address may be our own.
    const { number, lid } = Object.fromEntries(
      Object.entries(otherSide(key)).filter(([, address]) => !own.has(address)),
    );
    if (number || !lid) return { number, lid };
    const asked = this.#socket.signalRepository.lidMapping.getPNForLID(lid);
    return { number: numberOf(await withinMs(LOOKUP_MS, asked).catch(() => undefined)), lid };
  }

  async #noticePerson(message) {
    const { id } = message.key;
    const { number, lid } = await this.#identified(message.key);
    if (this.outbound.isOurs(id) || (!number && !lid)) return;
    const text = contentOf(message);
    this.tell({ type: "person", contact: number ?? lid, ...(lid && { lid }), text, id, at: Date.now() });
  }

  #note({ key, update }) {
    if (!key.fromMe || !key.id) return;
    const at = update.messageTimestamp ? Number(update.messageTimestamp) * 1000 : Date.now();
    const to = numberOf(key.remoteJid) ?? lidOf(key.remoteJid);
    const about = { type: "status", id: key.id, at, ...(to && { to }) };
    if (update.status in STATUSES) this.tell({ ...about, status: STATUSES[update.status] });
    else if (update.status === FAILED && !this.outbound.isToldOf(key.id)) {
      const reason = `WhatsApp refused it with error ${update.messageStubParameters?.[0] ?? "unknown"}`;
      this.tell({ ...about, status: "failed", reason });
    }
  }
}
