// Somebody with a phone in the hand, for the demo: whatever number of the bridge asks to be linked is linked.
import { derived } from "../src/sealing.mjs";
import { pause } from "../src/waiting.mjs";

const LOOK_MS = 1000;
const ANSWER_MS = 25_000;

/**
 * @param {import("./whatsapp.mjs").FakeWhatsApp} whatsapp
 * @param {string[]} instances ids
 * @param {Record<string, string | undefined>} env OXYQ_BRIDGE_KEY, and OXYQ_BRIDGE_URL or OXYQ_BRIDGE_PORT
 */
export async function keepLinked(
  whatsapp,
  instances,
  { OXYQ_BRIDGE_KEY = "", OXYQ_BRIDGE_URL, OXYQ_BRIDGE_PORT = "3002" },
) {
  const bridge = OXYQ_BRIDGE_URL ?? `http://127.0.0.1:${OXYQ_BRIDGE_PORT}`;
  const headers = { Authorization: `Bearer ${derived(OXYQ_BRIDGE_KEY, "oxyq bridge http").toString("hex")}` };
  const ask = async (method, path) => {
    const answer = await fetch(`${bridge}/instances/${path}`, {
      method,
      headers,
      signal: AbortSignal.timeout(ANSWER_MS),
    });
    return answer.ok ? answer.json() : {};
  };
  for (;;) {
    for (const [at, instance] of instances.entries()) {
      try {
        const id = encodeURIComponent(instance);
        if ((await ask("GET", id)).state !== "needs_pairing") continue;
        const { qr } = await ask("POST", `${id}/pair`);
        if (qr) whatsapp.scan(qr, `551190000000${at}`);
      } catch {
        // The bridge is not up yet, or not any more.
      }
    }
    await pause(LOOK_MS);
  }
}
