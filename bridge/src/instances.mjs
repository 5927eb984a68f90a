// Which numbers this bridge has: it looks at the table of instances, and takes those that no other bridge holds.
import { Lease } from "./lease.mjs";
import { Session } from "./session.mjs";
import { pause, withinMs } from "./waiting.mjs";

const LOOK_MS = 2000;
const REDIS_MS = 2000;
const LEFT_MS = 60_000; // before a number is tried again that another program had opened
const STOP_MS = 16_000; // a send waits up to 15 s for its answer

export class Instances {
  #held = new Map(); // id -> {lease, session, leaving}
  #notBefore = new Map(); // id -> ms
  #stopping = new AbortController();
  #looking;

  /** @param {object} parts what sessions need, and bridge (this process's id) and url (where it listens) */
  constructor(parts) {
    Object.assign(this, parts);
    this.parts = parts;
  }

  start() {
    this.#looking = this.#look();
  }

  /** The session of an instance, or undefined when it is not here. */
  get(id) {
    const held = this.#held.get(id);
    return held?.leaving ? undefined : held?.session;
  }

  /** How many stand how. */
  get states() {
    const counts = {};
    for (const { session } of this.#held.values()) counts[session.state] = (counts[session.state] ?? 0) + 1;
    return counts;
  }

  /** Lets go of all: sends end, connections close, other bridges may have the numbers at once. */
  async stop() {
    this.#stopping.abort();
    await this.#looking;
    await Promise.all([...this.#held.keys()].map((id) => this.#leave(id)));
  }

  async #look() {
    while (!this.#stopping.signal.aborted) {
      try {
        // Not while Redis is away: it would be asked all of it at once when it is back.
        if (this.redis.status === "ready") await this.#compare(await this.#table());
      } catch (error) {
        this.log("debug", "instances.not_read", { why: error.name });
      }
      await pause(LOOK_MS, this.#stopping.signal);
    }
  }

  async #table() {
    const stored = await withinMs(REDIS_MS, this.redis.hgetall(this.keys.instances));
    const records = new Map();
    for (const [id, text] of Object.entries(stored)) {
      const record = readRecord(text);
      if (record?.gateway === "baileys" && record.id === id && typeof record.organizationId === "string")
        records.set(id, record);
    }
    return records;
  }

  async #compare(records) {
    for (const [id, { session }] of this.#held) {
      if (!records.has(id)) await this.#leave(id);
      else session.record = records.get(id);
    }
    for (const [id, record] of records) {
      if (this.#stopping.signal.aborted || this.#held.size >= this.settings.instances) return;
      if (!this.#held.has(id) && (this.#notBefore.get(id) ?? 0) <= Date.now()) await this.#take(record);
    }
  }

  async #take(record) {
    const { id } = record;
    const lease = await Lease.acquire({ ...this.parts, leaseMs: this.settings.leaseMs }, id);
    if (!lease) return;
    const session = new Session(record, lease, this.parts);
    this.#held.set(id, { lease, session });
    lease.lost.addEventListener("abort", () => this.#leave(id));
    session.onLeave(() => {
      this.#notBefore.set(id, Date.now() + LEFT_MS);
      this.#leave(id);
    });
    this.log("info", "instance.taken", { instance: id });
    try {
      await session.open();
    } catch (error) {
      if (lease.lost.aborted) return;
      // Such as keys that another OXYQ_BRIDGE_KEY sealed: opening them anew would lose the link.
      this.log("error", "instance.not_opened", { instance: id, why: error.message.slice(0, 100) });
      session.halt("its keys cannot be read; is OXYQ_BRIDGE_KEY the one that sealed them?");
    }
  }

  #leave(id) {
    const held = this.#held.get(id);
    if (held) held.leaving ??= this.#let(id, held);
    return held?.leaving;
  }

  async #let(id, { session, lease }) {
    await session.stop(lease.isOurs ? STOP_MS : 0);
    await lease.release();
    this.#held.delete(id); // only now: until then it must not be taken again
    this.log("info", "instance.left", { instance: id });
  }
}

function readRecord(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
