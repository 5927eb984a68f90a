// Everything that a story about the bridge needs: Redis, a fake WhatsApp, the API's webhook, and bridges.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";

import { Queue } from "bullmq";

import { FakeWhatsApp } from "../fake-whatsapp/whatsapp.mjs";
import { redisKeys } from "../src/redis_keys.mjs";
import { BridgeProcess } from "./bridge_process.mjs";
import { Receiver } from "./receiver.mjs";
import { RedisServer } from "./redis_server.mjs";

export const KEY = "0123456789abcdef0123456789abcdef";
export const OWN = "5511900000000";
const PATIENCE_MS = 20_000;

// The fake's Signal library prints whole sessions.
for (const name of ["info", "warn", "error"]) console[name] = () => {};

export class World {
  bridges = [];
  keys = redisKeys("bull");

  static async begin() {
    const world = new World();
    world.folder = await mkdtemp(path.join(tmpdir(), "oxyq-bridge-"));
    world.redis = await RedisServer.start();
    world.whatsapp = new FakeWhatsApp();
    world.whatsappUrl = await world.whatsapp.listen();
    world.receiver = await Receiver.start(KEY);
    world.queue = new Queue("message", { connection: world.redis.client });
    world.queue.on("error", () => {});
    return world;
  }

  /** An instance as `oxyq instances` stores it. */
  async instance(id, fields = {}) {
    const record = { id, organizationId: "org_1", gateway: "baileys", hearsGroups: false, ...fields };
    await this.redis.client.hset(this.keys.instances, id, JSON.stringify(record));
  }

  async bridge(env = {}) {
    const bridge = await BridgeProcess.start({
      REDIS_URL: this.redis.url,
      OXYQ_BRIDGE_KEY: KEY,
      OXYQ_BRIDGE_PORT: "0",
      OXYQ_API_URL: this.receiver.url,
      OXYQ_DATA_DIR: this.folder,
      OXYQ_BRIDGE_LEASE_SECONDS: "3",
      OXYQ_BRIDGE_WHATSAPP_URL: this.whatsappUrl,
      OXYQ_BRIDGE_WHATSAPP_ROOT: this.whatsapp.root,
      ...env,
    });
    this.bridges.push(bridge);
    return bridge;
  }

  /** A bridge with one linked number. */
  async linked(id, { env, account = OWN } = {}) {
    await this.instance(id);
    const bridge = await this.bridge(env);
    await until(async () => (await bridge.state(id)).state === "needs_pairing");
    const { body } = await bridge.call("POST", `/instances/${id}/pair`, {});
    this.whatsapp.scan(body.qr, account);
    await this.open(bridge, id);
    return bridge;
  }

  open(bridge, id) {
    return until(async () => (await bridge.state(id)).state === "open");
  }

  /** The data of all jobs that came in, in their order. */
  async jobs() {
    const jobs = await this.queue.getJobs(["prioritized", "waiting", "delayed", "completed"], 0, -1, true);
    return jobs.map(({ data }) => data);
  }

  async end() {
    await Promise.all(this.bridges.map((bridge) => bridge.stop()));
    await this.queue.close();
    await this.receiver.close();
    await this.whatsapp.close();
    await this.redis.close();
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** Waits until `holds` gives something true, and gives it. */
export async function until(holds, ms = PATIENCE_MS) {
  const deadline = Date.now() + ms;
  for (;;) {
    const value = await holds();
    if (value) return value;
    if (Date.now() > deadline) throw new Error(`never came: ${holds}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
