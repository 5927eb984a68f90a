// Stories of several bridges: a number is open in one of them, always.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { OWN, until, World } from "../rig/world.mjs";

/** @type {World} */
let world;
before(async () => {
  world = await World.begin();
});
after(() => world.end());

const lease = async () => JSON.parse(await world.redis.client.get(world.keys.lease("loja")));

test(
  "of two bridges one opens the number; when it dies, the other has it soon, and loses nothing",
  { timeout: 60_000 },
  async () => {
    const first = await world.linked("loja");
    const second = await world.bridge();
    assert.equal((await lease()).url, first.url);
    assert.equal((await second.call("GET", "/instances/loja")).status, 404);
    const { fence } = await lease();

    await first.crash();
    await world.whatsapp.inbound(OWN, { id: "MEANWHILE", from: "5511999990001", text: "alguém aí?", encrypted: true });
    await until(async () => (await second.state("loja")).state === "open", 30_000);

    assert.equal((await lease()).url, second.url);
    assert.equal((await lease()).fence, fence + 1);
    await until(async () => (await world.jobs()).some(({ messageId }) => messageId === "MEANWHILE"));
    const sent = await second.send("loja", { id: "3EB0BBBBBBBBBBBBBBBB01", to: "5511999990001", text: "sim" });
    assert.equal(sent.status, 200);
  },
);

test("a bridge that stops hands its numbers over at once", async () => {
  const [, second] = world.bridges;
  const third = await world.bridge();
  const stopped = second.stop();
  await world.open(third, "loja");
  await stopped;
  assert.equal((await lease()).url, third.url);
});

test("a bridge that lost the lease closes the number, and can no longer change its keys", async () => {
  const third = world.bridges.at(-1);
  const stolen = JSON.stringify({ bridge: "another", url: "http://127.0.0.1:1", fence: 999, at: Date.now() });
  await world.redis.client.set(world.keys.lease("loja"), stolen, "PX", 3000);
  const before = await world.redis.client.hgetall(world.keys.auth("loja"));
  await until(async () => (await third.call("GET", "/instances/loja")).status === 404);
  assert.deepEqual(await world.redis.client.hgetall(world.keys.auth("loja")), before);
  // The other one never renews it: when it has run out, the number is opened again.
  await world.open(third, "loja");
});

test("a number that is no longer in the table is closed, and its lease released", async () => {
  const third = world.bridges.at(-1);
  await world.redis.client.hdel(world.keys.instances, "loja");
  await until(async () => (await third.call("GET", "/instances/loja")).status === 404);
  await until(async () => (await lease()) === null);
});

test("keys that another OXYQ_BRIDGE_KEY sealed are left alone, and the number is said to be halted", async () => {
  await world.bridges.at(-1).stop();
  const before = await world.redis.client.hgetall(world.keys.auth("loja"));
  await world.instance("loja");
  const other = await world.bridge({ OXYQ_BRIDGE_KEY: "another-key-another-key-another-key" });
  await until(async () => (await other.state("loja")).state === "halted");
  assert.match((await other.state("loja")).detail, /OXYQ_BRIDGE_KEY/);
  assert.deepEqual(await world.redis.client.hgetall(world.keys.auth("loja")), before);
});
