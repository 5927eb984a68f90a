// Stories of what customers write, from WhatsApp to the queue.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { OWN, until, World } from "../rig/world.mjs";

const HOUR = 3600;
const now = () => Math.floor(Date.now() / 1000);

/** @type {World} */
let world;
let bridge;
before(async () => {
  world = await World.begin();
  await world.instance("loja");
  bridge = await world.linked("loja");
});
after(() => world.end());

const write = (fields) => world.whatsapp.inbound(OWN, { from: "5511999990001", ...fields });
const job = (id) => until(async () => (await world.jobs()).find(({ messageId }) => messageId === id));

test("a message comes in with the number that wrote, and who that is", async () => {
  await write({ id: "IN1", text: "oi, quero um orçamento", at: 1795377084 });
  const { timestamp, ...data } = await job("IN1");
  assert.deepEqual(data, {
    organizationId: "org_1",
    instanceId: "loja",
    from: "5511999990001@c.us",
    content: "oi, quero um orçamento",
    messageId: "IN1",
    chatId: "5511999990001@s.whatsapp.net",
    lid: "75511999990001@lid",
    pushName: "Ana",
    type: "text",
  });
  assert.ok(timestamp > 0);
});

test("a message that hides the number comes in with the number all the same, when WhatsApp tells it", async () => {
  await write({ id: "IN2", text: "via LID", by: "lid" });
  const data = await job("IN2");
  assert.equal(data.from, "5511999990001@c.us");
  assert.equal(data.chatId, "75511999990001@lid");
});

test("an encrypted message is decrypted, also when we never wrote to them", async () => {
  await write({ id: "IN3", from: "5511999990003", text: "segredo", encrypted: true });
  await write({ id: "IN4", from: "5511999990003", text: "e mais um", encrypted: true });
  assert.equal((await job("IN3")).content, "segredo");
  assert.equal((await job("IN4")).content, "e mais um");
});

test("the same message delivered twice is one job", async () => {
  await write({ id: "IN5", text: "uma vez" });
  await write({ id: "IN5", text: "uma vez" });
  await write({ id: "IN6", text: "depois" });
  await job("IN6");
  assert.equal((await world.jobs()).filter(({ messageId }) => messageId === "IN5").length, 1);
});

test("what was written while the number was away comes in, marked; what is a day old does not", async () => {
  await bridge.stop();
  await write({ id: "OLD", text: "ontem cedo", at: now() - 25 * HOUR });
  await write({ id: "OFF1", text: "primeira", at: now() - HOUR });
  await write({ id: "OFF2", text: "segunda", at: now() - HOUR });
  bridge = await world.bridge();
  assert.equal((await job("OFF1")).isReplayed, true);
  assert.equal((await job("OFF2")).isReplayed, true);
  const ids = (await world.jobs()).map(({ messageId }) => messageId);
  assert.ok(ids.indexOf("OFF1") < ids.indexOf("OFF2") && !ids.includes("OLD"));
});

test("a choice, a file, a group, a reaction: each as the queue wants it, or not at all", async () => {
  await world.open(bridge, "loja");
  await write({
    id: "CH1",
    message: { listResponseMessage: { title: "Corte", singleSelectReply: { selectedRowId: "svc:1" } } },
  });
  await write({
    id: "AU1",
    message: { audioMessage: { ptt: true, seconds: 3, mimetype: "audio/ogg; codecs=opus", fileLength: 99 } },
  });
  await write({ id: "RE1", message: { reactionMessage: { text: "👍", key: { id: "x" } } } });
  await write({ id: "GR1", text: "no grupo", group: "120363000000000001@g.us" });
  await world.instance("loja", { hearsGroups: true });
  await write({ id: "ZZ1", text: "fim" });
  await job("ZZ1");
  const { type, content, replyId } = await job("CH1");
  assert.deepEqual({ type, content, replyId }, { type: "list", content: "Corte", replyId: "svc:1" });
  const audio = await job("AU1");
  assert.deepEqual(
    [audio.content, audio.media],
    ["[áudio]", { mimetype: "audio/ogg; codecs=opus", size: 99, seconds: 3, isVoice: true }],
  );
  assert.equal(
    (await world.jobs()).some(({ messageId }) => messageId === "RE1" || messageId === "GR1"),
    false,
  );

  // Now this number hears groups.
  let tries = 0;
  const data = await until(async () => {
    await write({ id: `GR2-${tries++}`, text: "no grupo", group: "120363000000000001@g.us" });
    return (await world.jobs()).find(({ messageId }) => messageId.startsWith("GR2"));
  });
  assert.deepEqual(
    [data.from, data.isGroup, data.participant, data.chatId],
    ["5511999990001@c.us", true, "5511999990001@s.whatsapp.net", "120363000000000001@g.us"],
  );
});

test("what the owner types on the phone is told, and is no customer's message", async () => {
  const id = world.whatsapp.typed(OWN, { to: "5511999990001", text: "deixa que eu respondo" });
  const [told] = await until(() => world.receiver.of("person").length && world.receiver.of("person"));
  assert.deepEqual(
    { ...told, at: 0 },
    {
      instance: "loja",
      type: "person",
      contact: "5511999990001",
      lid: "75511999990001@lid",
      text: "deixa que eu respondo",
      id,
      at: 0,
    },
  );
  assert.equal(
    (await world.jobs()).some(({ messageId }) => messageId === id),
    false,
  );
});
