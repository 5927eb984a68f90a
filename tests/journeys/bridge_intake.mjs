// The bridge's way into the queue, alone: adds each line of its input, a job, and repeats it until Redis has it.
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";

import { MessageQueue } from "../../bridge/src/message_queue.mjs";
import { openRedis } from "../../bridge/src/redis_client.mjs";
import { readSettings } from "../../bridge/src/settings.mjs";

const settings = readSettings(process.env);
const retryStrategy = () => 100;
// As bridge.mjs has them: one connection that waits for Redis, and one that fails soon.
const waiting = openRedis(settings.redis, { maxRetriesPerRequest: null, retryStrategy });
const living = { maxRetriesPerRequest: 0, enableOfflineQueue: false, commandTimeout: 2000, retryStrategy };
const adding = openRedis(settings.redis, living);
for (const redis of [waiting, adding]) redis.on("error", () => {});
const queue = new MessageQueue(adding, settings.prefix);

for await (const line of createInterface({ input: process.stdin })) {
  const job = JSON.parse(line);
  for (;;) {
    try {
      await queue.addBulk([job]);
      break;
    } catch {
      await pause(100);
    }
  }
  await waiting.set(`${settings.prefix}:bridge-intake`, job.opts.jobId, "EX", 60);
  console.log(await waiting.get(`${settings.prefix}:bridge-intake`));
}
waiting.disconnect();
adding.disconnect();
