// Stories of linking a number, and of losing the link.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { OWN, until, World } from "../rig/world.mjs";

/** @type {World} */
let world;
before(async () => {
  world = await World.begin();
});
after(() => world.end());

test("a number is linked by QR, and its keys lie sealed in Redis", async () => {
  await world.instance("loja 1");
  const bridge = await world.bridge();
  await until(async () => (await bridge.state("loja 1")).state === "needs_pairing");

  const { body } = await bridge.call("POST", "/instances/loja%201/pair", {});
  assert.equal(body.state, "needs_pairing");
  world.whatsapp.scan(body.qr, OWN);
  await world.open(bridge, "loja 1");

  assert.deepEqual(await bridge.state("loja 1"), {
    id: "loja 1",
    state: "open",
    detail: "connected",
    number: OWN,
    qr: null,
    code: null,
  });
  const stored = await world.redis.client.hgetall(world.keys.auth("loja 1"));
  assert.ok(stored.creds && Object.keys(stored).some((field) => field.startsWith("pre-key:")));
  assert.ok(Object.values(stored).every((value) => /^v1:[A-Za-z0-9+/=]+$/.test(value)));
  const states = await until(() => {
    const told = world.receiver.of("connection").map(({ state }) => state);
    return told.includes("open") && told;
  });
  assert.equal(states[0], "needs_pairing");
  assert.ok(bridge.logs.every((line) => !line.includes(OWN)));
  await bridge.stop();
});

test("a number is linked by a code that is typed on the phone", async () => {
  await world.instance("loja 2");
  const bridge = await world.bridge();
  await until(async () => (await bridge.state("loja 2"))?.state === "needs_pairing");

  const { body } = await bridge.call("POST", "/instances/loja%202/pair", { phone: "5521988887777" });
  assert.match(body.code, /^[A-Z0-9]{8}$/);
  await world.whatsapp.type(body.code, "5521988887777");
  await world.open(bridge, "loja 2");

  assert.equal((await bridge.state("loja 2")).number, "5521988887777");
  await bridge.stop();
});

test("a number that was logged out on the phone needs linking again, and its keys are gone", async () => {
  const bridge = await world.linked("loja-3", { account: "5531977776666" });
  const told = world.receiver.events.length;

  world.whatsapp.logout("5531977776666");
  const state = await until(async () => {
    const now = await bridge.state("loja-3");
    return now.state === "needs_pairing" && now;
  });

  assert.match(state.detail, /logged it out/);
  assert.equal(await until(async () => (await world.redis.client.exists(world.keys.auth("loja-3"))) === 0), true);
  await until(() =>
    world.receiver.events.slice(told).some(({ instance, state }) => instance === "loja-3" && state === "needs_pairing"),
  );
  const answer = await bridge.send("loja-3", { id: "3EB0000000000000000001", to: "5511999990001", text: "oi" });
  assert.deepEqual([answer.status, answer.body.error.retryAfterMs], [503, 10_000]);

  // And it can be linked again.
  const { body } = await bridge.call("POST", "/instances/loja-3/pair", {});
  world.whatsapp.scan(body.qr, "5531977776666");
  await world.open(bridge, "loja-3");
  await bridge.stop();
});

test("a bridge that is started again opens what was linked, without anybody's help", async () => {
  const first = await world.linked("loja-4", { account: "5541966665555" });
  await first.stop();
  const second = await world.bridge();
  await world.open(second, "loja-4");
  assert.equal((await second.call("GET", "/health", undefined, {})).body.instances.open >= 1, true);
  await second.stop();
});
