// What to do when WhatsApp closes a number's connection: one row for each of its codes.

const FIRST_MS = 1000;
const LONGEST_MS = 60_000;
const BAD_SESSIONS = 3;

/**
 * @typedef {{next: "reopen" | "stop" | "unpair" | "halt" | "leave", state: string, detail: string}} Step
 * reopen: after `backoff`; stop: wait for somebody to link it; unpair: forget the keys; leave: give the number up.
 */

const reopen = (detail) => ({ next: "reopen", state: "connecting", detail });
const unpair = (detail) => ({ next: "unpair", state: "needs_pairing", detail: `${detail}; link it again by phone` });

/** Codes: Baileys' DisconnectReason, and those of WhatsApp's own failures behind them. */
const ROWS = {
  401: () => unpair("WhatsApp logged it out"),
  402: () => unpair("WhatsApp blocked it for a time"),
  403: () => unpair("WhatsApp blocked it"),
  405: () => ({
    next: "halt",
    state: "halted",
    detail: "WhatsApp no longer takes this version of the bridge; update it",
  }),
  406: () => unpair("WhatsApp blocked it"),
  411: () => unpair("its phone uses an old way of linking"),
  440: () => ({ next: "leave", state: "closed", detail: "another program opened the same session" }),
  500: (failures) =>
    failures < BAD_SESSIONS
      ? reopen("WhatsApp refused the session")
      : {
          next: "halt",
          state: "halted",
          detail: "WhatsApp keeps refusing the session; link it again, or ask for help",
        },
  515: () => reopen("WhatsApp asked to connect again"),
};

/**
 * @param {number | undefined} code
 * @param {{isPaired: boolean, failures: number}} how `failures`: connections in a row that ended before they were open
 * @returns {Step}
 */
export function afterClose(code, { isPaired, failures }) {
  if (!isPaired && code !== 515)
    return { next: "stop", state: "needs_pairing", detail: "nobody linked it in time; ask for a new code" };
  return ROWS[code]?.(failures) ?? reopen("the connection was lost");
}

/** How long to wait before connecting again, in ms; 515 is part of every linking and waits for nothing. */
export function backoff(code, failures, random = Math.random()) {
  if (code === 515 && failures <= 1) return 0;
  return Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.max(0, failures - 1)) * (0.5 + random / 2);
}
