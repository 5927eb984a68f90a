// What is remembered for a while, in this process alone. Also what Baileys takes as a cache.

export class Recent {
  #entries = new Map();

  /** @param {number} lifeMs @param {number} most the oldest go when there are more */
  constructor(lifeMs, most = 10_000) {
    this.lifeMs = lifeMs;
    this.most = most;
  }

  get(key) {
    const entry = this.#entries.get(key);
    return entry && entry.until > Date.now() ? entry.value : undefined;
  }

  has(key) {
    return this.get(key) !== undefined;
  }

  set(key, value) {
    this.#entries.delete(key); // so that the first in the map is always the oldest
    this.#entries.set(key, { value, until: Date.now() + this.lifeMs });
    for (const [oldest, { until }] of this.#entries) {
      if (this.#entries.size <= this.most && until > Date.now()) break;
      this.#entries.delete(oldest);
    }
    return true;
  }

  del(key) {
    this.#entries.delete(key);
  }

  flushAll() {
    this.#entries.clear();
  }
}
