// The bridge and the fake WhatsApp as processes.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

import { KEY, until, World } from "../rig/world.mjs";

const path = (name) => fileURLToPath(new URL(`../${name}`, import.meta.url));
const run = (name, args, env) =>
  spawn(process.execPath, [path(name), ...args], { env: { PATH: process.env.PATH, ...env } });

/** @type {World} */
let world;
before(async () => {
  world = await World.begin();
});
after(() => world.end());

test("wrong settings end it with code 2 and a line each", async () => {
  const bridge = run("src/main.mjs", [], { OXYQ_BRIDGE_KEY: "short" });
  let told = "";
  bridge.stderr.on("data", (text) => (told += text));
  const [code] = await once(bridge, "close");
  assert.equal(code, 2);
  assert.deepEqual(
    told
      .trim()
      .split("\n")
      .map((line) => line.split(":")[0])
      .sort(),
    ["OXYQ_BRIDGE_KEY", "REDIS_URL"],
  );
  assert.ok(!told.includes("    at "));
});

test("metrics are for this machine, and with a token for who shows it", async () => {
  const read = (bridge, headers = {}) => fetch(`${bridge.url}/metrics`, { headers });
  const token = "metrics-".repeat(4);
  const bridges = [{}, { OXYQ_METRICS_TOKEN: token }, { OXYQ_ENV: "production" }].map((env) => world.bridge(env));
  const [open, closed, production] = await Promise.all(bridges);
  const answer = await read(open);
  assert.equal(answer.status, 200);
  assert.match(await answer.text(), /^oxyq_bridge_redis_up [01]$/m);
  assert.equal((await read(open, { "X-Forwarded-For": "203.0.113.9" })).status, 401, "a proxy asks for a stranger");

  assert.equal((await read(closed)).status, 401);
  assert.equal((await read(closed, { Authorization: `Bearer ${token}x` })).status, 401);
  assert.equal((await read(closed, { Authorization: `Bearer ${token}` })).status, 200);
  assert.equal((await closed.call("GET", "/instances/demo", undefined, { Authorization: `Bearer ${token}` })).status, 401);
  assert.equal((await read(production)).status, 401);
  await Promise.all([open, closed, production].map((bridge) => bridge.stop()));
});

test("the fake links a bridge's number by itself, and is told what happens over HTTP", async () => {
  const probe = await world.bridge();
  const env = { OXYQ_BRIDGE_KEY: KEY, OXYQ_BRIDGE_URL: probe.url };
  const fake = run("fake-whatsapp/cli.mjs", ["--scan", "demo"], env);
  const [line] = await once(fake.stdout, "data");
  const { url, root, control } = JSON.parse(line);
  await probe.stop();
  await world.instance("demo");
  const port = new URL(probe.url).port; // where the fake looks for the bridge
  const bridge = await world.bridge({
    OXYQ_BRIDGE_PORT: port,
    OXYQ_BRIDGE_WHATSAPP_URL: url,
    OXYQ_BRIDGE_WHATSAPP_ROOT: root,
  });
  await world.open(bridge, "demo");

  const post = async (route, fields) =>
    (await fetch(control + route, { method: "POST", body: JSON.stringify(fields) })).json();
  const { id } = await post("/inbound", { from: "5511999990001", text: "oi", encrypted: true });
  await until(async () => (await world.jobs()).some(({ messageId }) => messageId === id));
  await bridge.send("demo", { id: "3EB0DDDDDDDDDDDDDDDD01", to: "5511999990001", text: "olá" });
  const inbox = await (await fetch(`${control}/inbox?to=5511999990001`)).json();
  assert.deepEqual(
    inbox.map(({ id: sent, text }) => [sent, text]),
    [["3EB0DDDDDDDDDDDDDDDD01", "olá"]],
  );
  fake.kill("SIGTERM");
  await once(fake, "exit");
});
