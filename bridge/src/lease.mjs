// Which bridge has a number. One at a time: WhatsApp throws out whoever opens the same session twice, and two writers of
// its keys would ruin them. The lease runs out by itself when its bridge dies.
import { pause, withinMs } from "./waiting.mjs";

// The counter makes each holder's lease a text of its own, the fence that later writes are checked against.
const ACQUIRE = `
local held = redis.call("GET", KEYS[1])
if held and not string.find(held, '"bridge":"' .. ARGV[1] .. '"', 1, true) then return false end
local fence = redis.call("INCR", KEYS[2])
local lease = cjson.encode({bridge = ARGV[1], url = ARGV[2], fence = fence, at = tonumber(ARGV[3])})
redis.call("SET", KEYS[1], lease, "PX", ARGV[4])
return lease`;
const RENEW = `
if redis.call("GET", KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call("PEXPIRE", KEYS[1], ARGV[2])`;
const RELEASE = `
if redis.call("GET", KEYS[1]) == ARGV[1] then return redis.call("DEL", KEYS[1]) end
return 0`;

const ANSWER_MS = 2000;

export class Lease {
  #stopped = new AbortController();
  #lost = new AbortController();
  #until;

  /** The lease on an instance, or undefined while another bridge has it. */
  static async acquire({ redis, keys, bridge, url, leaseMs, log }, instance) {
    const asked = performance.now();
    const value = await withinMs(
      ANSWER_MS,
      redis.eval(ACQUIRE, 2, keys.lease(instance), keys.fence(instance), bridge, url, Date.now(), leaseMs),
    );
    return value ? new Lease({ redis, log, instance, key: keys.lease(instance), value, leaseMs }, asked) : undefined;
  }

  constructor(fields, asked) {
    Object.assign(this, fields);
    this.#until = asked + this.leaseMs;
    this.ended = this.#renew();
  }

  /** Aborts when the lease is lost; whatever was opened under it must be closed at once. */
  get lost() {
    return this.#lost.signal;
  }

  /** Whether it is surely ours at this moment, by our own clock: another bridge may have it one millisecond later. */
  get isOurs() {
    return !this.#lost.signal.aborted && performance.now() < this.#until;
  }

  async release() {
    this.#stopped.abort();
    await this.ended;
    this.#lost.abort();
    await withinMs(ANSWER_MS, this.redis.eval(RELEASE, 1, this.key, this.value)).catch(() => {});
  }

  async #renew() {
    while (!this.#stopped.signal.aborted) {
      await pause(Math.min(this.leaseMs / 4, Math.max(0, this.#until - performance.now())), this.#stopped.signal);
      if (this.#stopped.signal.aborted) return;
      const asked = performance.now();
      const left = this.#until - asked;
      const answer = left > 0 ? await this.#ask(Math.min(ANSWER_MS, left)) : "late";
      if (answer === 1) this.#until = asked + this.leaseMs;
      else if (answer === 0 || performance.now() >= this.#until) {
        this.log("warning", "lease.lost", {
          instance: this.instance,
          why: answer === 0 ? "taken" : "no answer of Redis",
        });
        this.#lost.abort();
        return;
      }
    }
  }

  #ask(ms) {
    return withinMs(ms, this.redis.eval(RENEW, 1, this.key, this.value, this.leaseMs)).catch(() => undefined);
  }
}
