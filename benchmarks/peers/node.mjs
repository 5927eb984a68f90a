// BullMQ for Node: the reference, and the fastest full queue on this data model. Speaks as conversation.py does.
import { createInterface } from "node:readline";
import { Queue, Worker } from "bullmq";

const QUEUE = "message";
const AT_ONCE = 1_000;
const CHUNK = 1_000;
const TEXT = "Bom dia! Vocês abrem no sábado? Queria marcar banho e tosa para o meu cachorro.";
const KEPT = {
  removeOnComplete: { count: 100, age: 86_400 },
  removeOnFail: { count: 500, age: 604_800 },
  metrics: { maxDataPoints: 20_160 },
};
const OPTIONS = {
  plain: { attempts: 3 },
  policy: {
    attempts: 3,
    priority: 1,
    backoff: { type: "exponential", delay: 2000, jitter: 0.2 },
    removeOnComplete: KEPT.removeOnComplete,
    removeOnFail: KEPT.removeOnFail,
  },
};

const address = new URL(process.argv[2]);
const connection = { host: address.hostname, port: Number(address.port), maxRetriesPerRequest: null };
let queue;
let workers = [];
let handled = [];

const nowUs = () => Number(process.hrtime.bigint() / 1000n);
const cpuSeconds = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
};
const message = (n) => ({
  organizationId: "org_demo", instanceId: "wa_demo", from: "5511988880000", content: TEXT,
  messageId: "3EB0" + n.toString(16).toUpperCase().padStart(16, "0"), timestamp: 1_763_900_000_000, n, at: nowUs(),
});
const range = (first, count) => Array.from({ length: count }, (_, i) => first + i);
const theQueue = () => (queue ??= new Queue(QUEUE, { connection }));

async function handler(job) {
  handled.push([job.data.n, job.data.at, nowUs()]);
  return 1;
}

async function addJobs(way, first, count, rules) {
  const opts = OPTIONS[rules];
  if (way === "one_by_one") {
    for (const n of range(first, count)) await theQueue().add("message", message(n), opts);
    return;
  }
  const size = way === "bulk" ? CHUNK : AT_ONCE;
  for (let start = 0; start < count; start += size) {
    const numbers = range(first + start, Math.min(size, count - start));
    if (way === "bulk") await theQueue().addBulk(numbers.map((n) => ({ name: "message", data: message(n), opts })));
    else await Promise.all(numbers.map((n) => theQueue().add("message", message(n), opts)));
  }
}

const questions = {
  async add({ way, first, count, rules }) {
    const cpu = cpuSeconds(), began = nowUs();
    await addJobs(way, first, count, rules);
    return { seconds: (nowUs() - began) / 1e6, cpu: cpuSeconds() - cpu };
  },
  async produce({ first, count, per_second, rules }) {
    const began = nowUs();
    for (let i = 0; i < count; i += 1) {
      const due = began + (i / per_second) * 1e6;
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, (due - nowUs()) / 1000)));
      await addJobs("one_by_one", first + i, 1, rules);
    }
    return { seconds: (nowUs() - began) / 1e6 };
  },
  async work({ concurrency, rules, rate, queues }) {
    const options = { connection, concurrency, ...(rules === "policy" ? KEPT : {}) };
    if (rate) options.limiter = { max: rate[0], duration: rate[1] };
    workers = queues.map((name) => new Worker(name, handler, options));
    for (const worker of workers) worker.on("error", (error) => console.error(error));
    await Promise.all(workers.map((worker) => worker.waitUntilReady()));
    return {};
  },
  async count() {
    return { count: handled.length, cpu: cpuSeconds() };
  },
  async take() {
    const taken = handled;
    handled = [];
    return { handled: taken };
  },
};

const say = (answer) => process.stdout.write(JSON.stringify(answer) + "\n");

say({ ready: true });
for await (const line of createInterface({ input: process.stdin })) {
  const question = JSON.parse(line);
  try {
    say(await questions[question.do](question));
  } catch (error) {
    say({ error: String(error) });
  }
}
await Promise.all(workers.map((worker) => worker.close(true)));
await queue?.close();
process.exit(0);
