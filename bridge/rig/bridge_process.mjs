// A bridge as a process of its own, and the calls that the Python side makes.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

import { derived } from "../src/sealing.mjs";

const MAIN = fileURLToPath(new URL("../src/main.mjs", import.meta.url));

export class BridgeProcess {
  logs = [];

  /** @param {Record<string, string>} env its settings */
  static async start(env) {
    const bridge = new BridgeProcess();
    bridge.process = spawn(process.execPath, [MAIN], {
      env: { PATH: process.env.PATH, ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    bridge.token = derived(env.OXYQ_BRIDGE_KEY, "oxyq bridge http").toString("hex");
    bridge.process.stderr.setEncoding("utf8").on("data", (text) => {
      bridge.logs.push(...text.trimEnd().split("\n"));
      if (process.env.SHOW_LOGS) process.stderr.write(text);
    });
    const [line] = await once(bridge.process.stdout, "data");
    bridge.url = JSON.parse(line).url;
    return bridge;
  }

  /** @returns {Promise<{status: number, body: any}>} */
  async call(method, path, body, headers = { Authorization: `Bearer ${this.token}` }) {
    const answer = await fetch(this.url + path, { method, headers, body: body && JSON.stringify(body) });
    const text = await answer.text();
    return { status: answer.status, body: text ? JSON.parse(text) : undefined };
  }

  async state(instance) {
    return (await this.call("GET", `/instances/${encodeURIComponent(instance)}`)).body;
  }

  send(instance, message) {
    return this.call("POST", `/instances/${encodeURIComponent(instance)}/messages`, { type: "text", ...message });
  }

  /** Ends it as a crash does. */
  async crash() {
    this.process.kill("SIGKILL");
    await once(this.process, "exit");
  }

  async stop() {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return;
    this.process.kill("SIGTERM");
    await once(this.process, "exit");
  }
}
