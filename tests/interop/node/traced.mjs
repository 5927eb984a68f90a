// A Node service with bullmq-otel, set up as its README says, that tells the collector of OTEL_EXPORTER_OTLP_ENDPOINT.
//   node traced.mjs add REDIS_URL PREFIX    jobs as JSON lines on standard input: {queue, name, data, opts}
//   node traced.mjs work REDIS_URL PREFIX QUEUE COUNT    works so many jobs, and prints the trace of each
import { createInterface } from 'node:readline';
import { trace } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { BatchSpanProcessor, NodeTracerProvider } from '@opentelemetry/sdk-trace-node';
import { Queue, Worker } from 'bullmq';
import { BullMQOtel } from 'bullmq-otel';

const provider = new NodeTracerProvider({ spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())] });
provider.register();

const [what, url, prefix, ...rest] = process.argv.slice(2);
const { hostname, port } = new URL(url);
const options = { prefix, connection: { host: hostname, port: Number(port) }, telemetry: new BullMQOtel('shop') };
const say = (line) => console.log(JSON.stringify(line));

async function add() {
  for await (const line of createInterface({ input: process.stdin })) {
    const { queue: name, name: jobName, data, opts } = JSON.parse(line);
    const queue = new Queue(name, options);
    const job = await queue.add(jobName, data, opts);
    say({ id: job.id });
    await queue.close();
  }
}

async function work(queue, count) {
  let left = Number(count);
  const done = Promise.withResolvers?.() ?? later();
  const worker = new Worker(queue, async (job) => {
    say({ id: job.id, trace: trace.getActiveSpan().spanContext().traceId, telemetry: job.opts.telemetry });
  }, options);
  worker.on('completed', () => --left || done.resolve());
  worker.on('failed', (job, error) => done.reject(error));
  await done.promise;
  await worker.close();
}

function later() {
  const made = {};
  made.promise = new Promise((resolve, reject) => Object.assign(made, { resolve, reject }));
  return made;
}

await (what === 'add' ? add() : work(...rest));
await provider.shutdown();
