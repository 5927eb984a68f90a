// The queue `message`, as BullMQ has it.
import { Queue } from "bullmq";

export class MessageQueue {
  #queue;

  /** @param {import("ioredis").Redis} redis @param {string} prefix */
  constructor(redis, prefix) {
    this.redis = redis;
    this.prefix = prefix;
  }

  async addBulk(jobs) {
    if (!this.#queue) {
      this.#queue = new Queue("message", { connection: this.redis, prefix: this.prefix });
      this.#queue.on("error", () => {}); // whoever adds hears of it
    }
    try {
      await this.#queue.waitUntilReady();
    } catch (error) {
      this.#queue = undefined; // one that could not begin never will
      throw error;
    }
    return this.#queue.addBulk(jobs);
  }
}
