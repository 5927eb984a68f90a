// Messages and receipts as WhatsApp's server hands them to a linked device.
import { randomBytes } from "node:crypto";

import { proto } from "baileys";

const seconds = () => Math.floor(Date.now() / 1000);
const newId = () => `3A${randomBytes(9).toString("hex").toUpperCase()}`;
const plain = (message) => ({
  tag: "plaintext",
  attrs: {},
  content: Buffer.from(proto.Message.encode(message).finish()),
});

/**
 * Somebody's message to an account.
 * @param {import("./phone.mjs").Phone} phone
 * @param {import("./account.mjs").Device} device
 * @param {{text?: string, message?: object, id?: string, at?: number, name?: string, group?: string, by?: "number" | "lid",
 *   encrypted?: boolean}} fields `message`: any of WhatsApp's shapes, as JSON; `at`: seconds; `by`: how it is addressed
 */
export async function inboundStanza(
  phone,
  device,
  { text, message, id = newId(), at = seconds(), name = "Ana", group, by = "number", encrypted },
) {
  const content = proto.Message.fromObject(message ?? { conversation: text ?? "" });
  const isByLid = by === "lid";
  const sender = isByLid ? phone.lid : phone.jid;
  const other = isByLid ? { sender_pn: phone.jid } : { sender_lid: phone.lid };
  const inGroup = group && { from: group, participant: sender, ...(isByLid ? { participant_pn: phone.jid } : {}) };
  const attrs = {
    from: sender,
    id,
    t: String(at),
    type: "text",
    notify: name,
    addressing_mode: isByLid ? "lid" : "pn",
    ...(inGroup ?? other),
  };
  return { tag: "message", attrs, content: [encrypted ? await phone.encrypt(device, content) : plain(content)] };
}

/** What somebody of the business typed on its own phone, as its other devices get to see it. */
export function typedStanza(own, phone, { text, id = newId() }) {
  const message = { deviceSentMessage: { destinationJid: phone.jid, message: { conversation: text } } };
  const attrs = {
    from: own.jid,
    recipient: phone.jid,
    id,
    t: String(seconds()),
    type: "text",
    peer_recipient_lid: phone.lid,
  };
  return { tag: "message", attrs, content: [plain(message)] };
}

/** A message arrived (no type), or was read. */
export function receiptStanza({ id, from, type }) {
  return { tag: "receipt", attrs: { id, from, t: String(seconds()), ...(type === "read" && { type }) } };
}

/** The server has a message, or refuses it with an error such as "463". */
export function ackStanza({ id, from, error }) {
  return {
    tag: "ack",
    attrs: { class: "message", id, from, t: String(seconds()), ...(error && { error: String(error) }) },
  };
}
