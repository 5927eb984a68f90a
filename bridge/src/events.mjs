// What the API is to know of a number: statuses, its connection, what people of the organization typed. In order, signed,
// from the disk, and as often as it takes.
import { createHash, createHmac } from "node:crypto";
import { readdir } from "node:fs/promises";
import path from "node:path";

import { derived } from "./sealing.mjs";
import { Spool } from "./spool.mjs";
import { pause } from "./waiting.mjs";

const BATCH = 100;
const GATHER_MS = 100;
const MOST_BYTES = 100 * 1024 * 1024;
const ANSWER_MS = 10_000;
const LAST_MS = 1000;
const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 30_000;

/** The webhook's signature of a body, by a key that both sides derive from OXYQ_BRIDGE_KEY. */
export function signature(secret, body) {
  const key = derived(secret, "oxyq bridge webhook").toString("hex");
  return `sha256=${createHmac("sha256", key).update(body).digest("hex")}`;
}

/** All events of this bridge: one outbox for each number, so that none waits for another. */
export class Events {
  #outboxes = new Map(); // instance -> promise of its outbox

  /** @param {{apiUrl: string, key: string, spoolFolder: string}} settings @param {import("./logs.mjs").Log} log */
  constructor(settings, log) {
    this.settings = settings;
    this.log = log;
  }

  /** Goes on with what an earlier process could not hand over. */
  async resume() {
    const files = await readdir(this.settings.spoolFolder).catch(() => []);
    for (const file of files.filter((name) => /^events-[0-9a-f]{32}\.jsonl$/.test(name))) {
      const spool = await Spool.open(path.join(this.settings.spoolFolder, file), MOST_BYTES);
      const instance = (await spool.first(1)).values[0]?.instance;
      if (instance) this.#outboxes.set(instance, Promise.resolve(new Outbox(spool, this.settings, this.log)));
      else await spool.close();
    }
  }

  /** @param {string} instance @param {Record<string, unknown>} event */
  async tell(instance, event) {
    if (!this.#outboxes.has(instance)) this.#outboxes.set(instance, this.#open(instance));
    (await this.#outboxes.get(instance)).add({ instance, event });
  }

  /** How many wait for the API, in memory or on the disk. */
  async waiting() {
    const outboxes = await Promise.all(this.#outboxes.values());
    return outboxes.reduce((sum, outbox) => sum + outbox.waiting, 0);
  }

  async close() {
    await Promise.all([...this.#outboxes.values()].map(async (outbox) => (await outbox).close()));
  }

  async #open(instance) {
    const name = createHash("sha256").update(instance).digest("hex").slice(0, 32);
    const spool = await Spool.open(path.join(this.settings.spoolFolder, `events-${name}.jsonl`), MOST_BYTES);
    return new Outbox(spool, this.settings, this.log);
  }
}

class Outbox {
  #gathered = [];
  #closing = new AbortController();
  #failures = 0;
  #isRunning = false;
  #running;

  constructor(spool, settings, log) {
    Object.assign(this, { spool, settings, log });
    if (spool.count) this.#run();
  }

  get waiting() {
    return this.#gathered.length + this.spool.count;
  }

  add(entry) {
    this.#gathered.push(entry);
    this.#run();
  }

  /** Hands over what it can in one last try; the rest stays on the disk. */
  async close() {
    this.#closing.abort();
    await this.#running;
    await this.#store();
    await this.#handOver(LAST_MS);
    await this.spool.close();
  }

  #run() {
    if (this.#isRunning || this.#closing.signal.aborted) return;
    this.#isRunning = true;
    this.#running = this.#work();
  }

  async #work() {
    do {
      await pause(GATHER_MS, this.#closing.signal);
      await this.#store();
      await this.#handOver();
    } while ((this.spool.count || this.#gathered.length) && !this.#closing.signal.aborted);
    this.#isRunning = false; // in the same moment as the last look: whoever comes after it begins anew
  }

  async #store() {
    const entries = this.#gathered.splice(0);
    if (!entries.length) return;
    const why = await this.spool.append(entries).then(
      (fits) => (fits ? "" : "no room"),
      (error) => error.code ?? error.name,
    );
    if (why) this.log("error", "events.dropped", { instance: entries[0].instance, events: entries.length, why });
  }

  async #handOver(ms = ANSWER_MS) {
    try {
      const found = await this.spool.first(BATCH);
      if (found.lines && (!found.values.length || (await this.#isHandedOver(found.values, ms))))
        await this.spool.drop(found);
    } catch (error) {
      this.log("error", "events.stuck", { why: error.code ?? error.name });
      await pause(LONGEST_RETRY_MS, this.#closing.signal);
    }
  }

  /** True when the API took these, or will never take them. */
  async #isHandedOver(entries, ms) {
    const { instance } = entries[0];
    const body = JSON.stringify({ events: entries.map(({ event }) => event) });
    const status = await this.#post(instance, body, ms);
    if (status >= 200 && status < 300) {
      this.#failures = 0;
      return true;
    }
    if (status >= 400 && status < 500 && status !== 429 && status !== 408) {
      this.log("error", "events.dropped", { instance, events: entries.length, why: `the API answered ${status}` });
      return true;
    }
    this.#failures += 1;
    if (this.#failures === 1)
      this.log("warning", "events.waiting", { instance, why: status || "the API does not answer" });
    const longest = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** (this.#failures - 1));
    await pause(longest * (0.5 + Math.random() / 2), this.#closing.signal);
    return false;
  }

  async #post(instance, body, ms) {
    try {
      const answer = await fetch(`${this.settings.apiUrl}/webhooks/baileys/${encodeURIComponent(instance)}`, {
        method: "POST",
        headers: { "Content-Type": "application/json", "X-Oxyq-Signature": signature(this.settings.key, body) },
        body,
        redirect: "manual",
        signal: AbortSignal.timeout(ms),
      });
      await answer.body?.cancel();
      return answer.status;
    } catch {
      return 0;
    }
  }
}
