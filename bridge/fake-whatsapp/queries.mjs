// What the server knows: answers to the questions (`iq`) that a device asks.
import { getBinaryNodeChild, getBinaryNodeChildren } from "baileys";

const count = (value) => [{ tag: "count", attrs: { value: String(value) } }];
const firstChild = (node) => (Array.isArray(node.content) ? node.content[0] : undefined);

/**
 * The content of the answer; undefined for an empty one.
 * @param {object} node the question @param {import("./account.mjs").Device} device who asks
 * @param {import("./whatsapp.mjs").FakeWhatsApp} whatsapp
 */
export async function answered(node, device, whatsapp) {
  const { xmlns, type } = node.attrs;
  const child = firstChild(node);
  if (xmlns === "encrypt" && type === "set") return device.keep(node.content);
  if (xmlns === "encrypt" && child?.tag === "count") return count(device.preKeys);
  if (xmlns === "encrypt" && child?.tag === "digest") return [{ tag: "digest", attrs: {}, content: [] }];
  if (xmlns === "encrypt" && child?.tag === "key")
    return [{ tag: "list", attrs: {}, content: await bundles(child, whatsapp) }];
  if (xmlns === "usync")
    return [{ tag: "usync", attrs: {}, content: [{ tag: "list", attrs: {}, content: known(child, whatsapp) }] }];
  if (xmlns === "privacy" && type === "get")
    return [
      { tag: "privacy", attrs: {}, content: [{ tag: "category", attrs: { name: "readreceipts", value: "all" } }] },
    ];
  return undefined;
}

async function bundles(node, whatsapp) {
  const jids = getBinaryNodeChildren(node, "user").map(({ attrs }) => attrs.jid);
  const phones = jids.map((jid) => [jid, whatsapp.phone(jid)]).filter(([, phone]) => phone);
  return Promise.all(phones.map(([jid, phone]) => phone.bundle(jid)));
}

function known(usync, whatsapp) {
  return getBinaryNodeChildren(getBinaryNodeChild(usync, "list"), "user").map((user) => {
    const asked = getBinaryNodeChild(user, "contact")?.content;
    const jid = user.attrs.jid ?? `${asked.toString().replace("+", "")}@s.whatsapp.net`;
    const phone = whatsapp.phone(jid);
    if (!phone) return { tag: "user", attrs: { jid }, content: [{ tag: "contact", attrs: { type: "out" } }] };
    const devices = [0, ...(whatsapp.accounts.get(phone.number)?.devices.keys() ?? [])];
    const list = devices.map((id) => ({ tag: "device", attrs: { id: String(id) } }));
    const content = [
      { tag: "contact", attrs: { type: "in" } },
      { tag: "devices", attrs: {}, content: [{ tag: "device-list", attrs: {}, content: list }] },
      { tag: "lid", attrs: { val: phone.lid } },
    ];
    return { tag: "user", attrs: { jid: jid.endsWith("@lid") ? phone.lid : phone.jid }, content };
  });
}
