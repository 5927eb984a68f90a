// Every shape that WhatsApp sends, encoded and decoded as on the wire, and what the queue gets of it.
import assert from "node:assert/strict";
import { test } from "node:test";

import { proto } from "baileys";

import { contentOf, inboundJob, judged, otherSide, Verdict } from "../src/inbound.mjs";

const NOW_MS = 1_795_377_100_000;
const SECONDS = 1_795_377_084;
const ANA = "5511999990001@s.whatsapp.net";

const key = (fields) => ({ remoteJid: ANA, fromMe: false, id: "IN1", participant: "", ...fields });
const arrived = (message, fields = {}) => {
  const decoded = proto.Message.decode(proto.Message.encode(proto.Message.fromObject(message)).finish());
  return {
    key: key(fields.key),
    messageTimestamp: SECONDS,
    pushName: "Ana",
    message: decoded,
    ...fields,
    ...(fields.key && { key: key(fields.key) }),
  };
};
const verdict = (message, how = {}) => judged(message, { kind: "notify", hearsGroups: false, nowMs: NOW_MS, ...how });
const job = (message, how = {}) =>
  inboundJob(message, {
    organizationId: "org_1",
    instanceId: "wa_1",
    kind: "notify",
    nowMs: NOW_MS,
    sender: otherSide(message.key),
    ...how,
  });

const SHAPES = [
  ["a text", { conversation: "oi" }, { type: "text", content: "oi" }],
  [
    "a text that answers another",
    { extendedTextMessage: { text: "oi", contextInfo: { stanzaId: "Q1", participant: ANA } } },
    { type: "text", content: "oi", quotedId: "Q1" },
  ],
  [
    "a picture",
    { imageMessage: { mimetype: "image/jpeg", caption: "olha", fileLength: 123 } },
    { type: "image", content: "olha", media: { mimetype: "image/jpeg", size: 123 } },
  ],
  [
    "a picture without words",
    { imageMessage: { mimetype: "image/jpeg" } },
    { type: "image", content: "[imagem]", media: { mimetype: "image/jpeg" } },
  ],
  [
    "a video",
    { videoMessage: { mimetype: "video/mp4", seconds: 7 } },
    { type: "video", content: "[vídeo]", media: { mimetype: "video/mp4", seconds: 7 } },
  ],
  [
    "a voice message",
    { audioMessage: { mimetype: "audio/ogg; codecs=opus", ptt: true, seconds: 3 } },
    { type: "audio", content: "[áudio]", media: { mimetype: "audio/ogg; codecs=opus", seconds: 3, isVoice: true } },
  ],
  [
    "a document with words",
    {
      documentWithCaptionMessage: {
        message: { documentMessage: { fileName: "a.pdf", caption: "a nota", mimetype: "application/pdf" } },
      },
    },
    { type: "document", content: "a nota", media: { mimetype: "application/pdf", fileName: "a.pdf" } },
  ],
  [
    "a document",
    { documentMessage: { fileName: "a.pdf" } },
    { type: "document", content: "[documento]", media: { mimetype: "application/octet-stream", fileName: "a.pdf" } },
  ],
  [
    "a message that disappears",
    { ephemeralMessage: { message: { conversation: "some" } } },
    { type: "text", content: "some" },
  ],
  [
    "a picture to be seen once",
    { viewOnceMessageV2: { message: { imageMessage: { mimetype: "image/jpeg" } } } },
    { type: "image", content: "[imagem]", media: { mimetype: "image/jpeg" } },
  ],
  [
    "a button",
    { buttonsResponseMessage: { selectedButtonId: "b1", selectedDisplayText: "Sim", type: 1 } },
    { type: "button", content: "Sim", replyId: "b1" },
  ],
  [
    "a button of a template",
    { templateButtonReplyMessage: { selectedId: "t1", selectedDisplayText: "Sim", selectedIndex: 0 } },
    { type: "button", content: "Sim", replyId: "t1" },
  ],
  [
    "a row of a list",
    { listResponseMessage: { title: "Corte", singleSelectReply: { selectedRowId: "r1" } } },
    { type: "list", content: "Corte", replyId: "r1" },
  ],
  [
    "a quick reply",
    {
      interactiveResponseMessage: {
        body: { text: "Sim" },
        nativeFlowResponseMessage: { name: "quick_reply", paramsJson: '{"id":"x"}' },
      },
    },
    { type: "button", content: "Sim", replyId: "x" },
  ],
  [
    "a form",
    {
      interactiveResponseMessage: {
        body: { text: "Enviado" },
        nativeFlowResponseMessage: { name: "flow", paramsJson: "no JSON" },
      },
    },
    { type: "flow", content: "Enviado", replyId: "flow" },
  ],
  [
    "a place",
    { locationMessage: { degreesLatitude: -23.5, degreesLongitude: -46.6 } },
    { type: "location", content: "[localização]" },
  ],
  [
    "a contact",
    { contactMessage: { displayName: "Zé", vcard: "BEGIN:VCARD" } },
    { type: "contact", content: "[contato]" },
  ],
  ["contacts", { contactsArrayMessage: { displayName: "2" } }, { type: "contact", content: "[contato]" }],
  [
    "a sticker",
    { stickerMessage: { mimetype: "image/webp" } },
    { type: "sticker", content: "[figurinha]", media: { mimetype: "image/webp" } },
  ],
  ["something new", { pollCreationMessage: { name: "?" } }, { type: "unknown", content: "[mensagem]" }],
  [
    "a text with a secret beside it",
    { messageContextInfo: { messageSecret: new Uint8Array(32) }, conversation: "com" },
    { type: "text", content: "com" },
  ],
  [
    "the keys of a group before a text",
    { senderKeyDistributionMessage: { groupId: "g" }, conversation: "depois" },
    { type: "text", content: "depois" },
  ],
  ["nothing that can be seen", { conversation: " \u200b\0 " }, { type: "text", content: "[mensagem]" }],
];

for (const [name, message, expected] of SHAPES)
  test(`${name} becomes a job`, () => {
    const whole = arrived(message);
    assert.equal(verdict(whole), Verdict.take);
    assert.deepEqual(job(whole), {
      organizationId: "org_1",
      instanceId: "wa_1",
      from: "5511999990001@c.us",
      messageId: "IN1",
      timestamp: SECONDS * 1000,
      chatId: ANA,
      pushName: "Ana",
      ...expected,
    });
  });

test("what nobody wrote is no job", () => {
  const none = [
    { reactionMessage: { key: { remoteJid: ANA, id: "M1" }, text: "👍" } },
    { protocolMessage: { type: 0, key: { id: "M1" } } },
    { protocolMessage: { type: 14, key: { id: "M1" }, editedMessage: { conversation: "novo" } } },
    { editedMessage: { message: { protocolMessage: { type: 14, key: { id: "M1" } } } } },
    { pollUpdateMessage: { pollCreationMessageKey: { id: "P" } } },
    { senderKeyDistributionMessage: { groupId: "g" } },
    { messageContextInfo: {} },
  ];
  for (const message of none) assert.equal(verdict(arrived(message)), Verdict.ignore);
  assert.equal(verdict({ key: key(), messageStubType: 2 }), Verdict.ignore);
  for (const remoteJid of ["status@broadcast", "1@broadcast", "1@newsletter", "13135550002@bot", "0@s.whatsapp.net"])
    assert.equal(verdict(arrived({ conversation: "x" }, { key: { remoteJid } })), Verdict.ignore);
});

test("groups are heard only where they are asked for, and tell who wrote", () => {
  const message = arrived(
    { conversation: "x" },
    { key: { remoteJid: "120363@g.us", participant: "7001:3@lid", participantAlt: ANA } },
  );
  assert.equal(verdict(message), Verdict.ignore);
  assert.equal(verdict(message, { hearsGroups: true }), Verdict.take);
  const { from, lid, chatId, participant, isGroup } = job({
    ...message,
    key: { ...message.key, participant: "70011:3@lid" },
  });
  assert.deepEqual(
    { from, lid, chatId, participant, isGroup },
    { from: "5511999990001@c.us", lid: "70011@lid", chatId: "120363@g.us", participant: "70011@lid", isGroup: true },
  );
});

test("what waited is taken for a day, and marked; what we sent ourselves never is", () => {
  const hours = (count) => arrived({ conversation: "x" }, { messageTimestamp: NOW_MS / 1000 - count * 3600 });
  assert.equal(verdict(hours(23), { kind: "append" }), Verdict.take);
  assert.equal(verdict(hours(25), { kind: "append" }), Verdict.ignore);
  assert.equal(verdict(hours(25)), Verdict.take);
  assert.equal(job(hours(1), { kind: "append" }).isReplayed, true);
  const own = arrived({ conversation: "x" }, { key: { fromMe: true } });
  assert.equal(verdict(own, { kind: "append" }), Verdict.ignore);
  assert.equal(verdict(own), Verdict.person);
  assert.equal(contentOf(own), "x");
});

test("somebody without a number is known by the hidden id", () => {
  const { from, lid, chatId } = job(arrived({ conversation: "x" }, { key: { remoteJid: "700000000000001:2@lid" } }));
  assert.deepEqual(
    { from, lid, chatId },
    { from: "700000000000001@lid", lid: "700000000000001@lid", chatId: "700000000000001@lid" },
  );
});

test("a text is cut to what WhatsApp takes, never inside an emoji; what cannot be stored is left out", () => {
  const long = job(arrived({ conversation: "🙂".repeat(5000) }));
  assert.deepEqual([[...long.content].length, long.isCut], [4096, true]);
  assert.equal(job(arrived({ conversation: "🙂".repeat(4096) })).isCut, undefined);
  assert.equal(job({ ...arrived({}), message: { conversation: "a\ud83db\0c" } }).content, "abc");
  assert.equal([...job(arrived({ conversation: "x" }, { pushName: "á".repeat(600) })).pushName].length, 512);
});

test("an id that is none, or a time that is none, does not cost us the message", () => {
  assert.match(job(arrived({ conversation: "x" }, { key: { id: "a\nb" } })).messageId, /^unsound-[0-9a-f]{64}$/);
  assert.equal(job(arrived({ conversation: "x" }, { messageTimestamp: 0 })).timestamp, NOW_MS);
  const decoded = proto.WebMessageInfo.decode(
    proto.WebMessageInfo.encode({ key: key(), messageTimestamp: SECONDS }).finish(),
  );
  assert.equal(
    job(arrived({ conversation: "x" }, { messageTimestamp: decoded.messageTimestamp })).timestamp,
    SECONDS * 1000,
  ); // a Long
});
