// What was sent, sealed, for phones that could not decrypt it and ask for it again.
import { proto } from "baileys";

import { withinMs } from "./waiting.mjs";

const LIFE_SECONDS = 48 * 3600;
const REDIS_MS = 5000;

export class SentMessages {
  /** @param {{redis: import("ioredis").Redis, keys: object, sealer: import("./sealing.mjs").Sealer, instance: string}} parts */
  constructor({ redis, keys, sealer, instance }) {
    Object.assign(this, { redis, keys, sealer, instance });
  }

  async store(id, message) {
    const sealed = this.sealer.seal(proto.Message.encode(message).finish(), this.#place(id));
    await this.redis.set(this.keys.sent(this.instance, id), sealed, "EX", LIFE_SECONDS);
  }

  /** The message, or undefined when it is unknown or too old. */
  async find(id) {
    const sealed = await withinMs(REDIS_MS, this.redis.get(this.keys.sent(this.instance, id)));
    return sealed ? proto.Message.decode(this.sealer.open(sealed, this.#place(id))) : undefined;
  }

  #place(id) {
    return `${this.instance}:${id}`;
  }
}
