// WhatsApp's addresses (JIDs): what they are of, and whose.
import { jidDecode } from "baileys";

const NUMBER_SERVERS = new Set(["s.whatsapp.net", "c.us", "hosted"]);
const LID_SERVERS = new Set(["lid", "hosted.lid"]);

/** The digits of a number's address, without its device; undefined for every other address. */
export function numberOf(jid) {
  const { user, server } = (jid && jidDecode(jid)) || {};
  return NUMBER_SERVERS.has(server) && /^[1-9]\d{7,14}$/.test(user) ? user : undefined;
}

/** A hidden id without its device, such as 123456789@lid; undefined for every other address. */
export function lidOf(jid) {
  const { user, server } = (jid && jidDecode(jid)) || {};
  return LID_SERVERS.has(server) && /^\d{5,20}$/.test(user) ? `${user}@lid` : undefined;
}

/** The address of a number. */
export function jidOf(number) {
  return `${number}@s.whatsapp.net`;
}
