// What a caller may ask us to send -> what Baileys takes.
import { Failure } from "./failures.mjs";

const MAX_TEXT = 4096;
const LOOPBACK = new Set(["localhost", "127.0.0.1", "[::1]"]);

/** What each kind of file needs beside its address. */
const FILES = {
  image: ({ caption, mimetype }) => ({ caption, mimetype }),
  video: ({ caption, mimetype }) => ({ caption, mimetype }),
  audio: ({ mimetype }) => ({ mimetype: mimetype ?? "audio/mp4" }),
  document: ({ caption, mimetype, fileName }) => ({
    caption,
    fileName,
    mimetype: mimetype ?? "application/octet-stream",
  }),
  sticker: () => ({}),
};

/** A message's content for Baileys; throws Failure("never") naming what is wrong. */
export function contentToSend(body) {
  if (body.type === "text") {
    if (typeof body.text !== "string" || !body.text.trim()) throw new Failure("never", "text: must not be blank");
    if ([...body.text].length > MAX_TEXT) throw new Failure("never", `text: has more than ${MAX_TEXT} characters`);
    return { text: body.text };
  }
  if (!Object.hasOwn(FILES, body.type ?? ""))
    throw new Failure("never", `type: must be text, ${Object.keys(FILES).join(", ")}`);
  for (const name of ["caption", "mimetype", "fileName"])
    if (body[name] !== undefined && typeof body[name] !== "string")
      throw new Failure("never", `${name}: must be a text`);
  return { [body.type]: { url: fileUrl(body.url) }, ...FILES[body.type](body) };
}

// Baileys reads files of this machine, too, when they are named without a scheme.
function fileUrl(text) {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol === "https:" || (url?.protocol === "http:" && LOOPBACK.has(url.hostname))) return url.href;
  throw new Failure("never", "url: must be an address that begins with https://");
}
