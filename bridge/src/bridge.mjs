// All parts of one bridge, put together and taken apart again.
import { randomBytes } from "node:crypto";
import path from "node:path";

import { Events } from "./events.mjs";
import { Instances } from "./instances.mjs";
import { Intake } from "./intake.mjs";
import { MessageQueue } from "./message_queue.mjs";
import { Metrics } from "./metrics.mjs";
import { openRedis } from "./redis_client.mjs";
import { redisKeys } from "./redis_keys.mjs";
import { Sealer } from "./sealing.mjs";
import { serve } from "./server.mjs";
import { Spool } from "./spool.mjs";

const ADD_MS = 2000;
const LONGEST_RETRY_MS = 2000;

/**
 * @param {import("./settings.mjs").Settings} settings
 * @param {import("./logs.mjs").Log} log
 * @returns {Promise<{url: string, stop(): Promise<void>}>}
 */
export async function startBridge(settings, log) {
  const keys = redisKeys(settings.prefix);
  const retryStrategy = (times) => Math.min(50 * 2 ** times, LONGEST_RETRY_MS);
  // Two connections, for two ways of living without Redis: what is asked here waits until it is back …
  const redis = openRedis(settings.redis, { maxRetriesPerRequest: null, retryStrategy });
  // … and what is added to the queue fails soon, so that it goes to the disk.
  const adding = openRedis(settings.redis, {
    maxRetriesPerRequest: 0,
    enableOfflineQueue: false,
    commandTimeout: ADD_MS,
    retryStrategy,
  });
  noteRedis(redis, log);
  adding.on("error", () => {}); // said of the other one
  const queue = new MessageQueue(adding, settings.prefix);

  const spool = await Spool.open(path.join(settings.spoolFolder, "inbound.jsonl"));
  const metrics = new Metrics();
  const intake = new Intake(queue, spool, settings.job, log, metrics);
  const events = new Events(settings, log);
  await events.resume();

  const parts = { settings, log, metrics, redis, keys, intake, events, bridge: randomBytes(8).toString("hex") };
  const sealers = {
    authSealer: new Sealer(settings.key, "oxyq bridge auth"),
    sentSealer: new Sealer(settings.key, "oxyq bridge sent"),
  };
  const health = () => {
    const isWell = redis.status === "ready" && !intake.spooled;
    return { status: isWell ? "ok" : "degraded", instances: instances.states, spooled: intake.spooled };
  };
  const measured = async () =>
    metrics.text({
      states: instances.states,
      mostNumbers: settings.instances,
      spooledMessages: intake.spooled,
      spooledEvents: await events.waiting(),
      isRedisUp: redis.status === "ready",
    });
  const sessions = { get: (id) => instances.get(id) };
  const server = await serve({ settings, log, health, metrics, measured, sessions });
  const { port } = server.address();
  const url = settings.url ?? `http://${settings.host.includes(":") ? `[${settings.host}]` : settings.host}:${port}`;
  const instances = new Instances({ ...parts, ...sealers, url });
  instances.start();
  log("info", "bridge.started", { url, bridge: parts.bridge });

  const stop = async () => {
    server.close();
    await instances.stop();
    server.closeAllConnections();
    await events.close();
    await intake.close();
    redis.disconnect();
    adding.disconnect();
    log("info", "bridge.stopped");
  };
  return { url, stop };
}

function noteRedis(redis, log) {
  let isAway = false;
  redis.on("error", (error) => {
    if (!isAway) log("warning", "redis.away", { why: error.code ?? error.name });
    isAway = true;
  });
  redis.on("ready", () => {
    if (isAway) log("info", "redis.back");
    isAway = false;
  });
}
