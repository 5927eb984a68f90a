// A TypeScript service's side of the contract: puts payloads into the queues with the real BullMQ.
// usage: node produce.mjs REDIS_URL PREFIX VERSION   (jobs as JSON lines on standard input: {queue, name, data, opts})
import { createInterface } from 'node:readline';

const [url, prefix, version] = process.argv.slice(2);
const { Queue } = await import(version === '5' ? 'bullmq5' : 'bullmq');
const { hostname, port } = new URL(url);
const queues = new Map();
for await (const line of createInterface({ input: process.stdin })) {
  const { queue, name, data, opts } = JSON.parse(line);
  if (!queues.has(queue)) queues.set(queue, new Queue(queue, { prefix, connection: { host: hostname, port: Number(port) } }));
  const job = await queues.get(queue).add(name, data, opts);
  console.log(JSON.stringify({ id: job.id }));
}
for (const queue of queues.values()) await queue.close();
