// The way of a customer's message into the queue. WhatsApp was told that it arrived before we saw it, so none is dropped:
// what Redis does not take at once goes to the disk, and what is on the disk goes first.
import { Recent } from "./recent.mjs";
import { pause, withinMs } from "./waiting.mjs";

const BATCH = 100;
const REDIS_MS = 2000;
const SAME_MS = 10 * 60 * 1000; // for which a message that comes twice is known without asking Redis
const RETRY_MS = 500;

export class Intake {
  #waiting = []; // {job, resolve} of those who called `take`
  #seen = new Recent(SAME_MS, 100_000);
  #running = Promise.resolve();
  #isRunning = false;
  #closing = new AbortController();

  /**
   * @param {{addBulk(jobs: object[]): Promise<unknown>}} queue BullMQ's
   * @param {import("./spool.mjs").Spool} spool
   * @param {object} options those of every job
   * @param {import("./logs.mjs").Log} log
   * @param {import("./metrics.mjs").Metrics} metrics
   */
  constructor(queue, spool, options, log, metrics) {
    Object.assign(this, { queue, spool, options, log, metrics });
    if (spool.count) this.#run();
  }

  /** How many messages wait on the disk. */
  get spooled() {
    return this.spool.count;
  }

  /**
   * Takes a message in; when it returns, the message is in Redis or on the disk.
   * @param {string} id the job's
   * @param {object} data the job's
   */
  take(id, data) {
    if (!this.#seen.has(id)) {
      const taken = new Promise((resolve) => this.#waiting.push({ job: { id, data }, resolve }));
      this.#seen.set(id, taken);
      taken.then(() => this.metrics.tookIn());
      this.#run();
    }
    return this.#seen.get(id);
  }

  async close() {
    this.#closing.abort();
    await this.#running;
    await this.spool.close();
  }

  #run() {
    if (this.#isRunning) return;
    this.#isRunning = true;
    this.#running = this.#work();
  }

  async #work() {
    while (this.#waiting.length || (this.spool.count && !this.#closing.signal.aborted)) {
      const batch = this.#waiting.splice(0, BATCH);
      // While any is on the disk, all go there: otherwise a later one would be in the queue before an earlier one.
      const isThrough = !batch.length || (!this.spool.count && (await this.#add(batch.map(({ job }) => job))));
      if (isThrough) for (const { resolve } of batch) resolve();
      else await this.#spool(batch);
      if (this.spool.count && !this.#waiting.length) await this.#drain();
    }
    this.#isRunning = false; // in the same moment as the last look: whoever comes after it begins anew
  }

  async #spool(batch) {
    try {
      await this.spool.append(batch.map(({ job }) => job));
      this.log("warning", "intake.spooled", { messages: batch.length, waiting: this.spool.count });
      for (const { resolve } of batch) resolve();
    } catch (error) {
      // Neither Redis nor the disk: kept in memory, and tried again until one of them is back.
      this.log("error", "intake.stuck", { messages: batch.length, why: error.code ?? error.name });
      this.#waiting.unshift(...batch);
      await pause(RETRY_MS, this.#closing.signal);
    }
  }

  async #drain() {
    try {
      const found = await this.spool.first(BATCH);
      if (await this.#add(found.values)) await this.spool.drop(found);
      else await pause(RETRY_MS, this.#closing.signal);
      if (!this.spool.count) this.log("info", "intake.drained");
    } catch (error) {
      this.log("error", "intake.stuck", { messages: this.spool.count, why: error.code ?? error.name });
      await pause(RETRY_MS, this.#closing.signal);
    }
  }

  async #add(jobs) {
    try {
      const entries = jobs.map(({ id, data }) => ({ name: "message", data, opts: { ...this.options, jobId: id } }));
      await withinMs(REDIS_MS, this.queue.addBulk(entries));
      return true;
    } catch (error) {
      this.log("debug", "intake.refused", { why: error.code ?? error.name });
      return false;
    }
  }
}
