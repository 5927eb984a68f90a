// The id of a job in the queue `message`, as InboundMessage.job_id() in src/oxyq/jobs.py makes it.
import { createHash } from "node:crypto";

/** @param {Record<string, any>} data an inbound message as it goes into the queue, with its chat */
export function jobId(data) {
  const chat = data.isGroup ? data.chatId : data.from.replace(/@c\.us$/, "");
  const hash = createHash("sha256");
  for (const fact of [data.organizationId, data.instanceId, chat, data.participant ?? "", data.messageId]) {
    // Length before each part, so that ("a", "bc") and ("ab", "c") differ.
    const bytes = Buffer.from(fact);
    hash.update(`${bytes.length}:`).update(bytes);
  }
  return `msg-${hash.digest("hex").slice(0, 32)}`;
}
