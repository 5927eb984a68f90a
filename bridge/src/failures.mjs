// How a send can fail, in the words that the Python side maps to its errors.

const STATUS = {
  not_sent: 502, // nothing went out, and it may be tried again
  not_ready: 503, // the number is not connected
  maybe_sent: 504, // written, and no answer
  never: 422, // nothing went out and nothing ever will
  slow_down: 429,
  halted: 423, // nothing goes out by this number before somebody acts
  not_here: 404, // another bridge has the number, or none
  bad_request: 400,
  unauthorized: 401,
  too_large: 413,
};

export class Failure extends Error {
  /** @param {keyof typeof STATUS} kind @param {string} message for people @param {{retryAfterMs?: number, scope?: string}} [more] */
  constructor(kind, message, more = {}) {
    super(message);
    this.kind = kind;
    this.status = STATUS[kind];
    this.body = { error: { kind, message, ...more } };
  }
}

/** What WhatsApp's server means by an error in its answer to a message (`<ack error=…>`). */
export function refused(code) {
  const known = {
    401: () => new Failure("halted", "WhatsApp logged this number out; link it again"),
    403: () => new Failure("halted", "WhatsApp blocked this number"),
    // Trying again counts as one more attempt to reach a stranger, and makes it worse. Who has written to us can still
    // be answered, so only campaigns stop.
    463: () =>
      new Failure("slow_down", "WhatsApp does not let this number write to new people at the moment (463)", {
        retryAfterMs: 3_600_000,
        scope: "campaign",
      }),
    429: () => new Failure("slow_down", "WhatsApp asks to slow down", { retryAfterMs: 60_000, scope: "number" }),
    479: () => new Failure("not_sent", "WhatsApp says that the recipient's devices have changed (479)"),
  };
  return known[code]?.() ?? new Failure("not_sent", `WhatsApp refused it with error ${code}`);
}
