// Stories of what goes out, and of what the caller is told.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { OWN, until, World } from "../rig/world.mjs";

const ANA = "5511999990001";

/** @type {World} */
let world;
let bridge;
let firstTry;
const unanswered = { id: "3EB0AAAAAAAAAAAAAAAA03", to: ANA, text: "chegou?" };
before(async () => {
  world = await World.begin();
  bridge = await world.linked("loja");
  world.whatsapp.policy = { noAck: true, forId: unanswered.id };
  firstTry = bridge.send("loja", unanswered); // waits 15 s, while the other stories go on
});
after(() => world.end());

const inbox = (id) => world.whatsapp.inbox.filter((entry) => entry.id === id);
const statuses = (id) =>
  world.receiver
    .of("status")
    .filter((event) => event.id === id)
    .map(({ status }) => status);

test("a text is sent under our id, to the hidden id, and answered when WhatsApp has it", async () => {
  const { status, body } = await bridge.send("loja", {
    id: "3EB0AAAAAAAAAAAAAAAA01",
    to: ANA,
    text: "Olá! Segue o orçamento.",
  });
  assert.equal(status, 200);
  assert.deepEqual({ ...body, at: 0 }, { id: "3EB0AAAAAAAAAAAAAAAA01", acked: true, at: 0 });
  const [read] = await until(() => inbox("3EB0AAAAAAAAAAAAAAAA01").length && inbox("3EB0AAAAAAAAAAAAAAAA01"));
  assert.equal(read.text, "Olá! Segue o orçamento.");
  assert.equal(read.jid, `7${ANA}@lid`);
  await until(() => statuses("3EB0AAAAAAAAAAAAAAAA01").includes("delivered"));
  world.whatsapp.receipt({ id: "3EB0AAAAAAAAAAAAAAAA01", type: "read" });
  await until(() => statuses("3EB0AAAAAAAAAAAAAAAA01").includes("read"));
});

test("the same id twice, at once or later, is one send", async () => {
  const message = { id: "3EB0AAAAAAAAAAAAAAAA02", to: ANA, text: "uma vez" };
  const answers = await Promise.all([bridge.send("loja", message), bridge.send("loja", message)]);
  const later = await bridge.send("loja", message);
  assert.deepEqual(
    [...answers, later].map(({ status }) => status),
    [200, 200, 200],
  );
  assert.equal(world.whatsapp.stanzas.get("3EB0AAAAAAAAAAAAAAAA02"), 1);
});

test("where WhatsApp lets nobody new be written to, campaigns are to wait and nothing is tried again", async () => {
  const message = { id: "3EB0AAAAAAAAAAAAAAAA04", to: ANA, text: "x" };
  world.whatsapp.policy = { error: "463", forId: message.id };
  const { status, body } = await bridge.send("loja", message);
  assert.deepEqual([status, body.error.kind, body.error.scope], [429, "slow_down", "campaign"]);
  assert.equal(world.whatsapp.stanzas.get(message.id), 1);
});

test("stale devices are asked for anew, once", async () => {
  const message = { id: "3EB0AAAAAAAAAAAAAAAA05", to: ANA, text: "de novo" };
  world.whatsapp.policy = { error: "479", forId: message.id };
  assert.equal((await bridge.send("loja", message)).status, 200);
  assert.equal(world.whatsapp.stanzas.get(message.id), 2);
  const never = { id: "3EB0AAAAAAAAAAAAAAAA06", to: ANA, text: "de novo" };
  world.whatsapp.policy = { error: "479", forId: never.id, count: 2 };
  assert.deepEqual((await bridge.send("loja", never)).body.error.kind, "not_sent");
});

test("a connection that breaks after the message was written leaves it unknown, and comes back", async () => {
  const message = { id: "3EB0AAAAAAAAAAAAAAAA07", to: ANA, text: "no meio" };
  world.whatsapp.policy = { kill: true, forId: message.id };
  const { status } = await bridge.send("loja", message);
  assert.equal(status, 504);
  await world.open(bridge, "loja");
  assert.equal((await bridge.send("loja", message)).status, 200);
  assert.equal(world.whatsapp.stanzas.get(message.id), 2);
});

test("a refusal that comes later is told as a status", async () => {
  const id = "3EB0AAAAAAAAAAAAAAAA08";
  await bridge.send("loja", { id, to: ANA, text: "parece bem" });
  world.whatsapp.receipt({ id, error: "500" });
  await until(() => statuses(id).includes("failed"));
});

test("a number without its ninth digit is found under the form WhatsApp knows, and one that is nowhere is refused", async () => {
  world.whatsapp.person("553188887777");
  world.whatsapp.person("5511911111111", { absent: true });
  const { body } = await bridge.call("POST", "/instances/loja/resolve", {
    numbers: ["5531988887777", "5511911111111", ANA],
  });
  assert.deepEqual(body.resolved, [
    { number: "5531988887777", exists: true, address: "553188887777@s.whatsapp.net" },
    { number: "5511911111111", exists: false },
    { number: ANA, exists: true, address: `${ANA}@s.whatsapp.net` },
  ]);
  const sent = await bridge.send("loja", { id: "3EB0AAAAAAAAAAAAAAAA09", to: "5531988887777", text: "oi" });
  assert.equal(sent.status, 200);
  assert.equal((await until(() => inbox("3EB0AAAAAAAAAAAAAAAA09")[0])).to, "553188887777");
  const never = await bridge.send("loja", { id: "3EB0AAAAAAAAAAAAAAAA10", to: "5511911111111", text: "oi" });
  assert.deepEqual([never.status, never.body.error.kind], [422, "never"]);
});

test("an answer to a hidden id goes out too; typing and reading are shown", async () => {
  assert.equal(
    (await bridge.send("loja", { id: "3EB0AAAAAAAAAAAAAAAA11", to: `7${ANA}@lid`, text: "oi" })).status,
    200,
  );
  assert.equal((await bridge.call("POST", "/instances/loja/typing", { to: ANA, ms: 50 })).status, 204);
  const id = await world.whatsapp.inbound(OWN, { from: ANA, text: "lida?" });
  assert.equal(
    (await bridge.call("POST", "/instances/loja/read", { chat: `${ANA}@s.whatsapp.net`, ids: [id] })).status,
    204,
  );
  await until(() => world.whatsapp.receipts.some((receipt) => receipt.id === id && receipt.type === "read"));
});

test("who has no token learns nothing; bad calls are named", async () => {
  const message = { id: "3EB0AAAAAAAAAAAAAAAA12", to: ANA, type: "text", text: "x" };
  for (const headers of [{}, { Authorization: "Bearer 00" }, { Authorization: bridge.token }])
    assert.equal((await bridge.call("POST", "/instances/loja/messages", message, headers)).status, 401);
  assert.equal((await bridge.call("GET", "/instances/nobody")).body.error.kind, "not_here");
  assert.equal((await bridge.send("loja", { ...message, text: "x".repeat(70_000) })).status, 413);
  assert.equal((await bridge.send("loja", { ...message, to: "joao" })).status, 400);
  assert.equal((await bridge.send("loja", { ...message, text: " " })).status, 422);
  assert.equal((await bridge.send("loja", { ...message, type: "image", url: "/etc/passwd" })).status, 422);
});

test(
  "without WhatsApp's answer it may have gone out; sent again, it is the same message",
  { timeout: 40_000 },
  async () => {
    const first = await firstTry;
    assert.deepEqual([first.status, first.body.error.kind], [504, "maybe_sent"]);
    const second = await bridge.send("loja", unanswered);
    assert.equal(second.status, 200);
    assert.equal(world.whatsapp.stanzas.get(unanswered.id), 2);
    assert.equal(inbox(unanswered.id).length, 2);
  },
);

test("an answer of WhatsApp that comes too late is told as a status, and the message is not sent again", async () => {
  const message = { id: "3EB0AAAAAAAAAAAAAAAA14", to: ANA, text: "tarde" };
  world.whatsapp.policy = { kill: true, forId: message.id };
  assert.equal((await bridge.send("loja", message)).status, 504);
  await world.open(bridge, "loja");
  world.whatsapp.receipt({ id: message.id, type: "sent" });
  await until(() => statuses(message.id).includes("sent"));
  assert.equal((await bridge.send("loja", message)).status, 200);
  assert.equal(world.whatsapp.stanzas.get(message.id), 1);
});

test("a bridge that was killed in the middle of a send sends it again as the same message", async () => {
  const message = { id: "3EB0AAAAAAAAAAAAAAAA13", to: ANA, text: "quase" };
  world.whatsapp.policy = { noAck: true, forId: message.id };
  const lost = bridge.send("loja", message).catch((error) => error);
  await until(() => world.whatsapp.stanzas.get(message.id) === 1);
  await bridge.crash();
  await lost;
  bridge = await world.bridge();
  await until(async () => (await bridge.state("loja")).state === "open", 30_000);
  assert.equal((await bridge.send("loja", message)).status, 200);
  assert.equal(world.whatsapp.stanzas.get(message.id), 2);
});
