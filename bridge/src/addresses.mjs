// Where to send to: a number is only known to WhatsApp by the address it once registered, and a person may be reachable
// by their hidden id alone. A wrong address is a chat that nobody reads.
import { jidOf, lidOf, numberOf } from "./jids.mjs";
import { contactKey, variants } from "./numbers.mjs";
import { Recent } from "./recent.mjs";
import { withinMs } from "./waiting.mjs";

const KNOWN_SECONDS = 7 * 24 * 3600;
const ABSENT_SECONDS = 24 * 3600; // people join
const MEMORY_MS = 10 * 60 * 1000;
const REDIS_MS = 2000;
const NOWHERE = "";

export class Addresses {
  #memory = new Recent(MEMORY_MS); // contact key -> address, "" for none
  #withoutLid = new Recent(MEMORY_MS);

  /** @param {{redis: import("ioredis").Redis, keys: object, instance: string}} parts */
  constructor({ redis, keys, instance }) {
    Object.assign(this, { redis, keys, instance });
  }

  /**
   * The address to send to; undefined when the number is not on WhatsApp.
   * @param {object} socket Baileys'
   * @param {string} to digits, `…@c.us` or `…@lid`
   */
  async of(socket, to) {
    if (lidOf(to)) return lidOf(to);
    const [found] = await this.resolve(socket, [numberOf(to) ?? to]);
    return found.exists ? this.#hidden(socket, found.address) : undefined;
  }

  /**
   * Which of these numbers are on WhatsApp, and under which address.
   * @param {string[]} numbers digits
   * @returns {Promise<{number: string, exists: boolean, address?: string}[]>}
   */
  async resolve(socket, numbers) {
    const wanted = [...new Set(numbers.map(contactKey))];
    const known = await this.#known(wanted);
    const unknown = wanted.filter((key) => known.get(key) === undefined);
    for (const [key, address] of await this.#asked(socket, unknown)) known.set(key, address);
    return numbers.map((number) => {
      const address = known.get(contactKey(number));
      return address ? { number, exists: true, address } : { number, exists: false };
    });
  }

  /** Somebody wrote from this number: that is its address. */
  learn(number) {
    const key = contactKey(number);
    if (this.#memory.get(key) !== jidOf(number)) this.#remember(key, jidOf(number));
  }

  async #known(wanted) {
    const known = new Map(wanted.map((key) => [key, this.#memory.get(key)]));
    const missing = wanted.filter((key) => known.get(key) === undefined);
    if (missing.length) {
      const asked = this.redis.mget(missing.map((key) => this.keys.address(this.instance, key)));
      const stored = await withinMs(REDIS_MS, asked).catch(() => []); // without Redis WhatsApp itself is asked
      for (const [at, key] of missing.entries()) {
        if (typeof stored[at] !== "string") continue;
        known.set(key, stored[at]);
        this.#memory.set(key, stored[at]);
      }
    }
    return known;
  }

  async #asked(socket, unknown) {
    const found = new Map();
    if (!unknown.length) return found;
    const there = await onWhatsApp(socket, unknown.flatMap(variants));
    const byKey = new Map(there.map((number) => [contactKey(number), number]));
    const isAnotherForm = there.some((number) => !unknown.includes(contactKey(number)));
    for (const key of unknown) {
      // In other countries too WhatsApp may answer with another form, in ways we do not know: asked alone, it is the one.
      const [number] = byKey.has(key) ? [byKey.get(key)] : isAnotherForm ? await onWhatsApp(socket, [key]) : [];
      found.set(key, number ? jidOf(number) : NOWHERE);
      this.#remember(key, found.get(key));
    }
    return found;
  }

  // A number's own address gets error 463 where the contact has moved to a hidden id.
  async #hidden(socket, address) {
    if (this.#withoutLid.has(address)) return address;
    const lid = lidOf(await socket.signalRepository.lidMapping.getLIDForPN(address));
    if (!lid) this.#withoutLid.set(address, true);
    return lid ?? address;
  }

  #remember(key, address) {
    this.#memory.set(key, address);
    const seconds = address === NOWHERE ? ABSENT_SECONDS : KNOWN_SECONDS;
    this.redis.set(this.keys.address(this.instance, key), address, "EX", seconds).catch(() => {}); // asked again then
  }
}

async function onWhatsApp(socket, numbers) {
  const answers = (await socket.onWhatsApp(...numbers.map(jidOf))) ?? [];
  return answers
    .filter(({ exists }) => exists)
    .map(({ jid }) => numberOf(jid))
    .filter(Boolean);
}
