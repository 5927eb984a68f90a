// What WhatsApp delivers -> what goes into the queue: pure functions, a table of shapes, nothing that waits.
import { createHash } from "node:crypto";

import { getContentType, isJidGroup, jidNormalizedUser, normalizeMessageContent, toNumber } from "baileys";

import { lidOf, numberOf } from "./jids.mjs";

const MAX_TEXT = 4096; // WhatsApp's own limit, and that of jobs.py
const MAX_LABEL = 512;
const MAX_ID = 128;
const OLDEST_REPLAY_MS = 24 * 3600 * 1000; // older ones would be answered a day late
const EARLIEST_MS = 978_307_200_000; // 2001
const LATEST_AHEAD_MS = 24 * 3600 * 1000;

/** What to do with one message of a number's socket. */
export const Verdict = Object.freeze({ take: "take", person: "person", ignore: "ignore" });

const media = (type, word) => (body) => ({
  type,
  text: body.caption,
  word,
  media: {
    mimetype: body.mimetype || "application/octet-stream",
    size: whole(body.fileLength),
    fileName: label(body.fileName),
    seconds: whole(body.seconds),
    isVoice: body.ptt || undefined,
  },
});

const flow = (body) => {
  const { name, paramsJson } = body.nativeFlowResponseMessage ?? {};
  const id = parsed(paramsJson).id;
  return {
    type: name === "flow" || !id ? "flow" : "button",
    text: body.body?.text,
    replyId: typeof id === "string" ? id : name,
  };
};

const location = (body) => ({ type: "location", text: body.comment || body.caption, word: "[localização]" });
const contact = () => ({ type: "contact", word: "[contato]" });

/** How each shape is read: its type, its text if it has one, and the word that stands for it if not. */
const SHAPES = {
  conversation: (text) => ({ type: "text", text }),
  extendedTextMessage: (body) => ({ type: "text", text: body.text }),
  imageMessage: media("image", "[imagem]"),
  videoMessage: media("video", "[vídeo]"),
  ptvMessage: media("video", "[vídeo]"),
  audioMessage: media("audio", "[áudio]"),
  documentMessage: media("document", "[documento]"),
  stickerMessage: media("sticker", "[figurinha]"),
  locationMessage: location,
  liveLocationMessage: location,
  contactMessage: contact,
  contactsArrayMessage: contact,
  buttonsResponseMessage: (body) => ({
    type: "button",
    text: body.selectedDisplayText,
    replyId: body.selectedButtonId,
  }),
  templateButtonReplyMessage: (body) => ({ type: "button", text: body.selectedDisplayText, replyId: body.selectedId }),
  listResponseMessage: (body) => ({ type: "list", text: body.title, replyId: body.singleSelectReply?.selectedRowId }),
  interactiveResponseMessage: flow,
};

/** What nobody wrote: signs, changes, keys. Whatever else is new to us comes in as `unknown`. */
const NO_TURN = new Set([
  "protocolMessage",
  "reactionMessage",
  "encReactionMessage",
  "pollUpdateMessage",
  "senderKeyDistributionMessage",
  "keepInChatMessage",
  "pinInChatMessage",
  "encEventResponseMessage",
  "encCommentMessage",
  "placeholderMessage",
  "albumMessage",
  "stickerSyncRmrMessage",
  "secretEncryptedMessage",
  "deviceSentMessage",
  "messageHistoryBundle",
]);

/**
 * Whether a message is a customer's, a person's of the organization, or nobody's.
 * @param {import("baileys").WAMessage} message
 * @param {{kind: "notify" | "append", hearsGroups: boolean, nowMs: number}} how
 */
export function judged(message, { kind, hearsGroups, nowMs }) {
  const { remoteJid = "", fromMe, id } = message.key;
  if (!id || !message.message) return Verdict.ignore; // a stub: not decrypted yet, or a notice
  const isGroup = isJidGroup(remoteJid);
  if (!isGroup && !numberOf(remoteJid) && !lidOf(remoteJid)) return Verdict.ignore; // status, broadcast, channel, bot
  const shape = getContentType(normalizeMessageContent(message.message));
  if (!shape || NO_TURN.has(shape)) return Verdict.ignore;
  // `append` is what waited while the number was offline, and also the echo of our own sends.
  if (fromMe) return kind === "notify" && !isGroup ? Verdict.person : Verdict.ignore;
  if (isGroup && !hearsGroups) return Verdict.ignore;
  if (kind === "append" && nowMs - timestamp(message, nowMs) > OLDEST_REPLAY_MS) return Verdict.ignore;
  return Verdict.take;
}

/**
 * Who is on the other side, as far as the message says it.
 * @returns {{number?: string, lid?: string}} digits, and `…@lid`
 */
export function otherSide({ remoteJid, remoteJidAlt, participant, participantAlt }) {
  // `participant` is "" in chats of two.
  const jids = isJidGroup(remoteJid) ? [participant, participantAlt] : [remoteJid, remoteJidAlt];
  return { number: jids.map(numberOf).find(Boolean), lid: jids.map(lidOf).find(Boolean) };
}

/** The text of a message, or the word that stands for it: at most 4096 characters. */
export function contentOf(message) {
  const { text, word } = read(message);
  return spoken(text, word).content;
}

/**
 * A message as it goes into the queue: the fields of InboundMessage in src/oxyq/jobs.py, without those that are absent.
 * @param {import("baileys").WAMessage} message
 * @param {{organizationId: string, instanceId: string, kind: "notify" | "append", nowMs: number,
 *   sender: {number?: string, lid?: string}}} context
 */
export function inboundJob(message, { organizationId, instanceId, kind, nowMs, sender }) {
  const { key } = message;
  const shape = read(message);
  const { content, isCut } = spoken(shape.text, shape.word);
  const isGroup = isJidGroup(key.remoteJid);
  return withoutAbsent({
    organizationId,
    instanceId,
    from: sender.number ? `${sender.number}@c.us` : sender.lid,
    content,
    messageId: soundId(key.id),
    timestamp: timestamp(message, nowMs),
    chatId: jidNormalizedUser(key.remoteJid),
    lid: sender.lid,
    participant: isGroup ? jidNormalizedUser(key.participant) : undefined,
    isGroup: isGroup || undefined,
    pushName: label(message.pushName),
    type: shape.type,
    replyId: label(shape.replyId),
    quotedId: quotedId(shape.body),
    media: shape.media && withoutAbsent(shape.media),
    isReplayed: kind === "append" || undefined,
    isCut: isCut || undefined,
  });
}

function read(message) {
  const content = normalizeMessageContent(message.message);
  const name = getContentType(content);
  const body = content[name];
  const shape = Object.hasOwn(SHAPES, name)
    ? SHAPES[name](body)
    : { type: "unknown", text: body?.text || body?.caption };
  return { ...shape, body };
}

function spoken(text, word = "[mensagem]") {
  const cleaned = clean(text);
  if (!/[^\p{C}\p{M}\p{Z}]/u.test(cleaned)) return { content: word, isCut: false };
  const content = cut(cleaned, MAX_TEXT);
  return { content, isCut: content.length < cleaned.length };
}

/** Milliseconds since 1970; WhatsApp's are seconds, as a number, a Long or a text. */
function timestamp(message, nowMs) {
  const ms = toNumber(message.messageTimestamp ?? 0) * 1000;
  return ms >= EARLIEST_MS && ms <= nowMs + LATEST_AHEAD_MS ? ms : nowMs;
}

function quotedId(body) {
  const id = body?.contextInfo?.stanzaId;
  return id && soundId(id) === id ? id : undefined;
}

// Senders choose these ids. One that cannot be an id for us must not cost us the message.
function soundId(id) {
  const isSound = id.trim() && [...id].length <= MAX_ID && !/[\p{Cc}\p{Cs}\p{Zl}\p{Zp}]/u.test(id);
  return isSound ? id : `unsound-${createHash("sha256").update(id).digest("hex")}`;
}

function label(text) {
  return text ? cut(clean(text), MAX_LABEL) || undefined : undefined;
}

function clean(text) {
  return typeof text === "string" ? text.replace(/\0|\p{Cs}/gu, "") : "";
}

function cut(text, most) {
  return text.length <= most ? text : [...text.slice(0, 2 * most)].slice(0, most).join("");
}

function whole(value) {
  const number = value ? toNumber(value) : undefined;
  return Number.isSafeInteger(number) && number >= 0 ? number : undefined;
}

function parsed(json) {
  try {
    return JSON.parse(json) ?? {};
  } catch {
    return {};
  }
}

function withoutAbsent(fields) {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
