// Every message is in the queue, or on our disk, before its keys are used up and before WhatsApp is told that it arrived.
// Baileys hands messages over after that: one that dies in between would be lost. So they are taken where Baileys
// decrypts them; what it hands over later is the same job, and what needs no decrypting comes that way alone.
import { decodeMessageNode, DEFAULT_CONNECTION_CONFIG, proto, unpadRandomMax16 } from "baileys";

import { storedFirst } from "./stored_first.mjs";

export class Arrivals {
  #nodes = new WeakMap(); // the encrypted bytes -> the stanza they came in

  /** @param {(message: import("baileys").WAMessage, kind: "notify" | "append") => Promise<void>} save never rejects */
  constructor(save) {
    this.save = save;
  }

  /** Looks at what comes in before Baileys does. */
  watch(socket) {
    socket.ws.prependListener("CB:message", (node) => {
      for (const { tag, content } of Array.isArray(node.content) ? node.content : [])
        if (tag === "enc" && content instanceof Uint8Array) this.#nodes.set(content, node);
    });
  }

  /** What Baileys is to decrypt with (its option `makeSignalRepository`). */
  signal = (auth, logger, askForLids) => {
    const repository = storedFirst(DEFAULT_CONNECTION_CONFIG.makeSignalRepository(auth, logger, askForLids));
    // Inside the transaction that stores the used keys: a crash before its end leaves keys that decrypt it once more.
    const saving = (decrypt, chat, bytes) => (what) =>
      auth.keys.transaction(async () => {
        const plain = await decrypt.call(repository, what);
        await this.#save(what[bytes], plain, auth.creds.me);
        return plain;
      }, what[chat]);
    return Object.assign(repository, {
      decryptMessage: saving(repository.decryptMessage, "jid", "ciphertext"),
      decryptGroupMessage: saving(repository.decryptGroupMessage, "group", "msg"),
    });
  };

  async #save(bytes, plain, me) {
    const node = this.#nodes.get(bytes);
    if (!node) return;
    const { fullMessage } = decodeMessageNode(node, me.id, me.lid ?? "");
    const message = proto.Message.decode(unpadRandomMax16(plain));
    await this.save(
      { ...fullMessage, message: message.deviceSentMessage?.message ?? message },
      node.attrs.offline ? "append" : "notify",
    );
  }
}
