// A Redis server of a test's own, which it may stop, start again, or freeze.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import net from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";

import { Redis } from "ioredis";

export class RedisServer {
  static async start() {
    const server = new RedisServer();
    server.folder = await mkdtemp(path.join(tmpdir(), "oxyq-redis-"));
    server.port = await freePort();
    server.url = `redis://127.0.0.1:${server.port}`;
    await server.up();
    server.client = new Redis(server.url, { maxRetriesPerRequest: null });
    server.client.on("error", () => {});
    return server;
  }

  /** Starts it; what it held when it went down is there again. */
  async up() {
    const options = [
      "--port",
      String(this.port),
      "--bind",
      "127.0.0.1",
      "--dir",
      this.folder,
      "--save",
      "",
      "--appendonly",
      "yes",
    ];
    this.process = spawn("redis-server", options, { stdio: ["ignore", "pipe", "inherit"] });
    for await (const chunk of this.process.stdout) if (String(chunk).includes("Ready to accept connections")) break;
  }

  async down() {
    this.process.kill("SIGTERM");
    await once(this.process, "exit");
  }

  async close() {
    this.client.disconnect();
    await this.down();
    await rm(this.folder, { recursive: true, force: true });
  }
}

async function freePort() {
  const server = net.createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}
