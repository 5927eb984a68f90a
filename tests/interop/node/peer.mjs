// A Node service beside ours: producer, worker, listener and operator, on the real BullMQ.
//   node peer.mjs PACKAGE REDIS_URL       PACKAGE: bullmq or bullmq5
// Every command names the key prefix of its test; "end" closes what was opened under a prefix.
import { serve, tell } from "./lines.mjs";
import { makeGate, processors } from "./processors.mjs";

const [packageName, redisUrl] = process.argv.slice(2);
const bullmq = await import(packageName);
const { Queue, QueueEvents, FlowProducer, Worker } = bullmq;
const ways = processors(bullmq);

const opened = new Map(); // "prefix kind name" -> {close()}
const gates = new Map(); // "prefix queue" -> gate of a `held` worker

const address = new URL(redisUrl);
const connection = { host: address.hostname, port: Number(address.port) };

function open(prefix, kind, name, make) {
  const key = `${prefix} ${kind} ${name}`;
  if (!opened.has(key)) {
    const made = make();
    made.on("error", (error) => tell({ event: "error", prefix, kind, name, message: error.message }));
    opened.set(key, made);
  }
  return opened.get(key);
}

// Takes all of one test out of a map, and returns it.
function takeOut(map, prefix) {
  const mine = [...map].filter(([key]) => key.startsWith(`${prefix} `));
  mine.forEach(([key]) => map.delete(key));
  return mine.map(([, value]) => value);
}

async function close(prefix) {
  takeOut(gates, prefix).forEach((gate) => gate.open());
  await Promise.all(takeOut(opened, prefix).map((thing) => thing.close(true)));
}

async function serveBoard({ prefix, queues }) {
  const { openBoard } = await import("./board.mjs");
  const { address, server } = await openBoard(queues.map((queue) => queueOf({ prefix, queue })));
  open(prefix, "board", "", () => ({ on: () => {}, close: () => server.closeAllConnections() ?? server.close() }));
  return address;
}

const queueOf = ({ prefix, queue }) => open(prefix, "queue", queue, () => new Queue(queue, { connection, prefix }));

const eventsOf = ({ prefix, queue }) =>
  open(prefix, "events", queue, () => new QueueEvents(queue, { connection, prefix, lastEventId: "0" }));

async function jobOf({ prefix, queue, jobId }) {
  const job = await queueOf({ prefix, queue }).getJob(jobId);
  if (!job) throw new Error(`no job ${jobId} in ${queue}`);
  return job;
}

function startWorker({ prefix, queue, way, options }) {
  const gate = makeGate();
  gates.set(`${prefix} ${queue}`, gate);
  const work = ways[way](gate);
  const report = (event, job, more) =>
    tell({ event, prefix, queue, jobId: job.id, name: job.name, attemptsMade: job.attemptsMade, ...more });
  const run = async (job, token) => {
    report("started", job, { data: job.data });
    return work(job, token);
  };
  const worker = open(prefix, "worker", queue, () => new Worker(queue, run, { connection, prefix, ...options }));
  worker.on("completed", (job, result) => report("completed", job, { result }));
  worker.on("failed", (job, error) => job && report("failed", job, { message: error.message }));
  return worker.waitUntilReady();
}

// Takes a job and never comes back to it, as a worker that dies: its lock runs out after `lockDuration` ms.
async function takeAndDie({ prefix, queue, lockDuration }) {
  const options = { connection, prefix, lockDuration, skipLockRenewal: true, autorun: false };
  const worker = open(prefix, "dying worker", queue, () => new Worker(queue, null, options));
  return (await worker.getNextJob("token of a worker that died", { block: false }))?.id;
}

function listen({ prefix, queue }) {
  const events = eventsOf({ prefix, queue });
  const emit = events.emit.bind(events);
  events.emit = (name, details, id) => {
    // "completed:17" repeats an event for those who listen to one job.
    const isOfOneJob = name.includes(":");
    if (!isOfOneJob && name !== "error") tell({ ...plain(details, id), event: "emitted", prefix, queue, what: name });
    return emit(name, details, id);
  };
  return events.waitUntilReady();
}

const plain = (details, id) => (typeof details === "string" ? { streamId: details } : { ...details, streamId: id });

const shown = (node) => ({ job: node.job.toJSON(), children: (node.children ?? []).map(shown) });

serve(
  {
    queue: async (fields) => queueOf(fields)[fields.method](...fields.args),
    job: async (fields) => (await jobOf(fields))[fields.method](...fields.args),
    finished: async (fields) => (await jobOf(fields)).waitUntilFinished(eventsOf(fields), fields.withinMs),
    flow: async ({ prefix, tree }) =>
      shown(await open(prefix, "flow", "", () => new FlowProducer({ connection, prefix })).add(tree)),
    work: startWorker,
    letGo: ({ prefix, queue }) => gates.get(`${prefix} ${queue}`).open(),
    takeAndDie,
    listen,
    board: serveBoard,
    nextTimes: ({ patterns, zone, afterMs }) =>
      patterns.map((pattern) => bullmq.getNextMillis(afterMs, { pattern, tz: zone })),
    end: ({ prefix }) => close(prefix),
  },
  () => Promise.all([...new Set([...opened.keys()].map((key) => key.split(" ")[0]))].map(close)),
);
