// Stories of what is away: Redis, or the API. Nothing is lost, and the order stays.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { OWN, until, World } from "../rig/world.mjs";

const PEOPLE = 20;

/** @type {World} */
let world;
let bridge;
before(async () => {
  world = await World.begin();
  bridge = await world.linked("loja", { env: { OXYQ_BRIDGE_LEASE_SECONDS: "6" } });
});
after(() => world.end());

const person = (number) => `55119999${String(number).padStart(5, "0")}`;
const health = async () => (await bridge.call("GET", "/health", undefined, {})).body;

async function everybodyWrites(id, from, to, fields = {}) {
  for (let round = from; round < to; round += 1)
    for (let number = 0; number < PEOPLE; number += 1)
      await world.whatsapp.inbound(OWN, {
        id: `${id}-${number}-${round}`,
        from: person(number),
        text: `mensagem ${round}`,
        ...fields,
      });
}

const arrived = async (id) =>
  (await world.jobs()).map(({ messageId }) => messageId).filter((messageId) => messageId.startsWith(`${id}-`));

function assertInOrder(ids, rounds) {
  assert.equal(ids.length, PEOPLE * rounds);
  for (let number = 0; number < PEOPLE; number += 1) {
    const own = ids.map((id) => id.split("-").map(Number)).filter(([, of]) => of === number);
    assert.deepEqual(
      own.map(([, , round]) => round),
      own.map((_, at) => at),
    );
  }
}

test(
  "customers write while Redis is away: kept on the disk, in order, and in the queue when it is back",
  { timeout: 60_000 },
  async () => {
    await everybodyWrites("A", 0, 1);
    await until(async () => (await arrived("A")).length === PEOPLE);

    await world.redis.down();
    await everybodyWrites("A", 1, 3);
    await until(async () => (await health()).spooled === 2 * PEOPLE);
    assert.equal((await health()).status, "degraded");
    await world.redis.up();
    await everybodyWrites("A", 3, 4);

    await until(async () => (await arrived("A")).length === 4 * PEOPLE);
    assertInOrder(await arrived("A"), 4);
    await until(async () => (await health()).status === "ok");
  },
);

test(
  "a bridge that is killed while Redis is away hands over what was on its disk when it starts again",
  { timeout: 60_000 },
  async () => {
    await until(async () => (await bridge.state("loja")).state === "open");
    await world.redis.down();
    await everybodyWrites("B", 0, 2);
    await until(async () => (await health()).spooled === 2 * PEOPLE);
    await bridge.crash();
    await world.redis.up();
    bridge = await world.bridge();
    await until(async () => (await arrived("B")).length === 2 * PEOPLE);
    assertInOrder(await arrived("B"), 2);
  },
);

test(
  "encrypted messages of an outage that outlasts the lease are delivered by WhatsApp again",
  { timeout: 60_000 },
  async () => {
    await until(async () => (await bridge.state("loja")).state === "open");
    await world.redis.down();
    await everybodyWrites("C", 0, 2, { encrypted: true });
    await until(async () => (await bridge.call("GET", "/instances/loja")).status === 404);
    await world.redis.up();
    await until(async () => (await arrived("C")).length === 2 * PEOPLE, 40_000);
    assertInOrder(await arrived("C"), 2);
  },
);

test(
  "twenty customers write while the bridge is killed: nothing is lost, and the order stays",
  { timeout: 60_000 },
  async () => {
    await until(async () => (await bridge.state("loja")).state === "open");
    const writing = everybodyWrites("D", 0, 6, { encrypted: true });
    await until(async () => (await arrived("D")).length > PEOPLE);
    await bridge.crash();
    await writing;
    bridge = await world.bridge();
    await until(async () => (await arrived("D")).length === 6 * PEOPLE, 30_000);
    assertInOrder(await arrived("D"), 6);
  },
);

test("events wait for the API, in order, and survive the bridge", { timeout: 60_000 }, async () => {
  await until(async () => (await bridge.state("loja")).state === "open");
  world.receiver.status = 503;
  const seen = world.receiver.events.length;
  for (const at of [1, 2, 3]) {
    const sent = await bridge.send("loja", { id: `3EB0CCCCCCCCCCCCCCCC0${at}`, to: person(1), text: "oi" });
    assert.equal(sent.status, 200);
  }
  await bridge.stop();
  world.receiver.status = 200;
  bridge = await world.bridge();
  const delivered = await until(() => {
    const events = world.receiver.events.slice(seen).filter(({ type }) => type === "status");
    return events.length >= 3 && events;
  });
  assert.deepEqual(
    delivered.map(({ id }) => id.slice(-1)),
    ["1", "2", "3"],
  );
});
