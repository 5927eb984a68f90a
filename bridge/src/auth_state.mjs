// The keys by which a number is linked, in one Redis hash: fields "creds" and "type:id", each sealed.
// They are full access to the account, and losing them means linking it again.
import { BufferJSON, initAuthCreds, makeCacheableSignalKeyStore, proto } from "baileys";

// A bridge that lost the lease may not know it yet: the script refuses it, so that it cannot ruin the new holder's keys.
const WRITE = `
if redis.call("GET", KEYS[1]) ~= ARGV[1] then return 0 end
local sets = tonumber(ARGV[2])
for i = 3, 2 + 2 * sets, 2 do redis.call("HSET", KEYS[2], ARGV[i], ARGV[i + 1]) end
for i = 3 + 2 * sets, #ARGV do redis.call("HDEL", KEYS[2], ARGV[i]) end
return 1`;
const WIPE = `
if redis.call("GET", KEYS[1]) ~= ARGV[1] then return 0 end
redis.call("DEL", KEYS[2])
return 1`;

/** The lease went to another bridge, or ran out, before something was written or read under it. */
export class LeaseLost extends Error {
  name = "LeaseLost";
}

export class AuthState {
  /**
   * Reads what is stored; without it, new creds that a phone can link.
   * @param {{redis: import("ioredis").Redis, keys: object, sealer: import("./sealing.mjs").Sealer,
   *   lease: import("./lease.mjs").Lease, instance: string, logger: object}} parts
   */
  static async load(parts) {
    const state = new AuthState(parts);
    state.creds = (await state.#read(["creds"]))[0] ?? initAuthCreds();
    return state;
  }

  constructor({ redis, keys, sealer, lease, instance, logger }) {
    Object.assign(this, { redis, sealer, lease, instance });
    this.key = keys.auth(instance);
    // Reads that repeat come from memory; nobody else writes while the lease is ours.
    this.keys = makeCacheableSignalKeyStore({ get: this.#get.bind(this), set: this.#set.bind(this) }, logger);
  }

  /** Whether a phone has linked it. */
  get isPaired() {
    return Boolean(this.creds.account);
  }

  /** Stores `creds` as they are now. */
  saveCreds() {
    return this.#write([["creds", this.creds]], []);
  }

  /** Forgets everything: WhatsApp logged this number out. */
  async wipe() {
    await this.#eval(WIPE, []);
    await this.keys.clear();
    this.creds = initAuthCreds();
  }

  async #get(type, ids) {
    const values = await this.#read(ids.map((id) => `${type}:${id}`));
    const revive =
      type === "app-state-sync-key" ? (value) => proto.Message.AppStateSyncKeyData.fromObject(value) : (value) => value;
    return Object.fromEntries(
      ids
        .map((id, at) => [id, values[at]])
        .filter(([, value]) => value)
        .map(([id, value]) => [id, revive(value)]),
    );
  }

  #set(data) {
    const all = Object.entries(data).flatMap(([type, of]) =>
      Object.entries(of).map(([id, value]) => [`${type}:${id}`, value]),
    );
    const isGone = ([, value]) => value === null || value === undefined;
    return this.#write(
      all.filter((entry) => !isGone(entry)),
      all.filter(isGone).map(([field]) => field),
    );
  }

  async #read(fields) {
    const sealed = await this.#whileOurs(this.redis.hmget(this.key, ...fields));
    return sealed.map(
      (text, at) => text && JSON.parse(this.sealer.open(text, this.#place(fields[at])), BufferJSON.reviver),
    );
  }

  async #write(sets, gone) {
    const sealed = sets.flatMap(([field, value]) => [
      field,
      this.sealer.seal(JSON.stringify(value, BufferJSON.replacer), this.#place(field)),
    ]);
    if (sets.length || gone.length) await this.#eval(WRITE, [sets.length, ...sealed, ...gone]);
  }

  async #eval(script, values) {
    const isDone = await this.#whileOurs(
      this.redis.eval(script, 2, this.lease.key, this.key, this.lease.value, ...values),
    );
    if (!isDone) throw new LeaseLost();
  }

  // Without Redis it waits: a message whose keys were not stored is not yet received, and WhatsApp will deliver it again.
  #whileOurs(answer) {
    const { lost } = this.lease;
    return new Promise((resolve, reject) => {
      const stop = () => reject(new LeaseLost());
      if (lost.aborted) return stop();
      lost.addEventListener("abort", stop);
      return answer.then(resolve, reject).finally(() => lost.removeEventListener("abort", stop));
    });
  }

  #place(field) {
    return `${this.instance}:${field}`;
  }
}
