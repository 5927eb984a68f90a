// What this bridge counts, for Prometheus (its text format 0.0.4). Names, kinds and helps are those of the Python side's
// table (src/oxyq/telemetry/metrics/table.py), which a test compares; no label names a number or an organization.
import { readFileSync } from "node:fs";
import { monitorEventLoopDelay } from "node:perf_hooks";

export const CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8";
const STATES = ["open", "connecting", "needs_pairing", "closed", "halted"];
const LAG_MS = 20;
const { dependencies } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));

const TABLE = [
  ["oxyq_bridge_info", "gauge", "Always 1."],
  ["oxyq_bridge_numbers", "gauge", "Numbers this bridge has, by how they stand."],
  ["oxyq_bridge_numbers_limit", "gauge", "How many it opens at most."],
  ["oxyq_bridge_sends_total", "counter", "Messages it was given, by how that ended."],
  ["oxyq_bridge_send_seconds_total", "counter", "How long they took, all together."],
  ["oxyq_bridge_inbound_total", "counter", "Messages of customers that are in Redis or on the disk."],
  ["oxyq_bridge_spooled_messages", "gauge", "Of these, those that wait on the disk for Redis."],
  ["oxyq_bridge_spooled_events", "gauge", "News that wait on the disk for the API."],
  ["oxyq_bridge_redis_up", "gauge", "Whether it is connected to Redis."],
  ["oxyq_bridge_disconnects_total", "counter", "Connections to WhatsApp that ended by themselves."],
  ["oxyq_bridge_loop_lag_seconds", "gauge", "The longest lag of its event loop since it was last asked."],
  ["process_cpu_seconds_total", "counter", "Total user and system CPU time spent in seconds."],
  ["process_resident_memory_bytes", "gauge", "Resident memory size in bytes."],
  ["process_start_time_seconds", "gauge", "Start time of the process since unix epoch in seconds."],
];

export class Metrics {
  // Told from the start, so that the first of them is seen as one more.
  #sends = { sent: 0, maybe_sent: 0 };
  #sendMs = 0;
  #inbound = 0;
  #disconnects = 0;
  #lag = monitorEventLoopDelay({ resolution: LAG_MS });

  constructor() {
    this.#lag.enable();
  }

  /** A message was sent, or not: `outcome` is "sent" or the kind of the failure. */
  sendEnded(outcome, ms) {
    this.#sends[outcome] = (this.#sends[outcome] ?? 0) + 1;
    this.#sendMs += ms;
  }

  /** A customer's message is in Redis or on the disk. */
  tookIn() {
    this.#inbound += 1;
  }

  /** A connection to WhatsApp ended, and nobody of us ended it. */
  disconnected() {
    this.#disconnects += 1;
  }

  /**
   * @param {{states: Record<string, number>, mostNumbers: number, spooledMessages: number, spooledEvents: number,
   *   isRedisUp: boolean}} now how the bridge stands
   */
  text(now) {
    const states = { ...Object.fromEntries(STATES.map((state) => [state, 0])), ...now.states };
    const lagSeconds = Math.max(this.#lag.max / 1e9 - LAG_MS / 1000, 0);
    this.#lag.reset();
    const { user, system } = process.cpuUsage();
    const values = {
      oxyq_bridge_info: [[{ baileys: dependencies.baileys, node: process.versions.node }, 1]],
      oxyq_bridge_numbers: Object.entries(states).map(([state, count]) => [{ state }, count]),
      oxyq_bridge_numbers_limit: [[{}, now.mostNumbers]],
      oxyq_bridge_sends_total: Object.entries(this.#sends).map(([outcome, count]) => [{ outcome }, count]),
      oxyq_bridge_send_seconds_total: [[{}, this.#sendMs / 1000]],
      oxyq_bridge_inbound_total: [[{}, this.#inbound]],
      oxyq_bridge_spooled_messages: [[{}, now.spooledMessages]],
      oxyq_bridge_spooled_events: [[{}, now.spooledEvents]],
      oxyq_bridge_redis_up: [[{}, now.isRedisUp ? 1 : 0]],
      oxyq_bridge_disconnects_total: [[{}, this.#disconnects]],
      oxyq_bridge_loop_lag_seconds: [[{}, lagSeconds]],
      process_cpu_seconds_total: [[{}, (user + system) / 1e6]],
      process_resident_memory_bytes: [[{}, process.memoryUsage.rss()]],
      process_start_time_seconds: [[{}, performance.timeOrigin / 1000]],
    };
    return TABLE.map((row) => family(row, values[row[0]])).join("");
  }
}

function family([name, kind, help], samples) {
  const lines = samples.map(([labels, value]) => {
    const pairs = Object.entries(labels).map(([label, text]) => `${label}="${text}"`); // words of ours: nothing to escape
    return `${name}${pairs.length ? `{${pairs.join(",")}}` : ""} ${value}\n`;
  });
  return `# HELP ${name} ${help}\n# TYPE ${name} ${kind}\n${lines.join("")}`;
}
