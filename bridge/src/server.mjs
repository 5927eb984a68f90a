// The bridge's HTTP side: what the Python side asks of it. On loopback unless told otherwise; every call but /health
// and /metrics carries a token that both sides derive from OXYQ_BRIDGE_KEY.
import { createHash, timingSafeEqual } from "node:crypto";
import { once } from "node:events";
import http from "node:http";

import { contentToSend } from "./content.mjs";
import { Failure } from "./failures.mjs";
import { CONTENT_TYPE } from "./metrics.mjs";
import { derived } from "./sealing.mjs";

const MOST_BYTES = 64 * 1024;
const MOST_NUMBERS = 50;
const MOST_IDS = 1000;
const MOST_TYPING_MS = 60_000;
const BODY_MS = 10_000;
const IDLE_MS = 120_000;
const LOOPBACK = new Set(["127.0.0.1", "::1", "::ffff:127.0.0.1"]);

const text = (body, name, pattern = /^[^\0]{1,200}$/) => {
  if (typeof body[name] !== "string" || !pattern.test(body[name]))
    throw new Failure("bad_request", `${name}: is missing or malformed`);
  return body[name];
};
const recipient = (body) => text(body, "to", /^([1-9]\d{7,14}(@c\.us|@s\.whatsapp\.net)?|\d{5,20}@lid)$/);

/** What each route does with a session and a body; what it gives is the answer, nothing is 204. */
const ROUTES = {
  "GET ": (session) => session.view,
  "POST pair": (session, body) =>
    session.pair(body.phone === undefined ? undefined : text(body, "phone", /^[1-9]\d{7,14}$/)),
  "POST logout": async (session) => {
    await session.logout();
    return session.view;
  },
  "POST messages": (session, body) => {
    const message = { id: text(body, "id", /^[A-Za-z0-9._-]{1,64}$/), to: recipient(body) };
    return session.send(message, contentToSend(body));
  },
  "POST typing": (session, body) => session.typing(recipient(body), Math.min(Number(body.ms) || 0, MOST_TYPING_MS)),
  "POST read": (session, body) => session.read(text(body, "chat"), texts(body, "ids", MOST_IDS, /^[^\0]{1,128}$/)),
  "POST resolve": async (session, body) => {
    const resolved = await session.resolve(texts(body, "numbers", MOST_NUMBERS, /^[1-9]\d{7,14}$/));
    return { resolved };
  },
};

/**
 * @param {{settings: import("./settings.mjs").Settings, health: () => object, measured: () => Promise<string>,
 *   metrics: import("./metrics.mjs").Metrics, sessions: {get(id: string): any}, log: import("./logs.mjs").Log}} parts
 */
export async function serve({ settings, health, measured, metrics, sessions, log }) {
  const token = digest(derived(settings.key, "oxyq bridge http").toString("hex"));
  const server = http.createServer({ requestTimeout: BODY_MS }, async (request, response) => {
    const answer = (status, body) => {
      const sent = body === undefined ? "" : JSON.stringify(body);
      response
        .writeHead(status, { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(sent) })
        .end(sent);
    };
    try {
      const { method, url = "/" } = request;
      if (method === "GET" && url === "/health") return answer(200, health());
      if (method === "GET" && url === "/metrics") {
        checkReader(request, settings);
        return response.writeHead(200, { "Content-Type": CONTENT_TYPE }).end(await measured());
      }
      checkToken(request, token);
      const [, id, action = ""] = url.match(/^\/instances\/([^/?]+)(?:\/([a-z]+))?$/) ?? [];
      const route = ROUTES[`${method} ${action}`];
      if (id === undefined || !route) throw new Failure("not_here", "there is no such route");
      const body = method === "POST" ? await readBody(request) : {};
      const session = sessions.get(decoded(id));
      if (!session) throw new Failure("not_here", "this bridge does not have this instance");
      const result = await (action === "messages" ? counted(metrics, () => route(session, body)) : route(session, body));
      answer(result === undefined ? 204 : 200, result);
    } catch (error) {
      if (error instanceof Failure) return answer(error.status, error.body);
      log("error", "http.error", { why: error?.name ?? "unknown" });
      answer(502, new Failure("not_sent", "the bridge could not do it").body);
    }
  });
  // Longer than any client keeps one: a connection that we close while a send is on its way leaves it unknown.
  server.keepAliveTimeout = IDLE_MS;
  server.listen(settings.port, settings.host);
  await once(server, "listening");
  return server;
}

async function counted(metrics, send) {
  const since = performance.now();
  try {
    const result = await send();
    metrics.sendEnded("sent", performance.now() - since);
    return result;
  } catch (error) {
    metrics.sendEnded(error instanceof Failure ? error.kind : "failed", performance.now() - since);
    throw error;
  }
}

/** As the Python side has it: with a token only who shows it; without one this machine, and in production nobody. */
function checkReader(request, { metricsToken, isProduction }) {
  if (metricsToken !== undefined) return checkToken(request, digest(metricsToken));
  const { headers, socket } = request;
  const isForwarded = "forwarded" in headers || "x-forwarded-for" in headers;
  if (isProduction || isForwarded || !LOOPBACK.has(socket.remoteAddress))
    throw new Failure("unauthorized", "set OXYQ_METRICS_TOKEN for the bridge, and send it: Authorization: Bearer …");
}

function checkToken({ headers }, token) {
  const [scheme, given = ""] = (headers.authorization ?? "").split(" ");
  // Hashed, so that both have one length and the comparison always takes the same time.
  if (scheme !== "Bearer" || !timingSafeEqual(digest(given), token))
    throw new Failure("unauthorized", "the token is missing or wrong");
}

function digest(content) {
  return createHash("sha256").update(content).digest();
}

async function readBody(request) {
  const chunks = [];
  let size = 0;
  for await (const chunk of request) {
    size += chunk.length;
    if (size > MOST_BYTES) throw new Failure("too_large", `the body has more than ${MOST_BYTES} bytes`);
    chunks.push(chunk);
  }
  if (!size) return {};
  try {
    const body = JSON.parse(Buffer.concat(chunks).toString("utf8"));
    if (body && typeof body === "object" && !Array.isArray(body)) return body;
  } catch {
    // Said below.
  }
  throw new Failure("bad_request", "the body is no JSON object");
}

function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    throw new Failure("not_here", "there is no such instance");
  }
}

function texts(body, name, most, pattern) {
  const list = body[name];
  const isSound =
    Array.isArray(list) && list.length <= most && list.every((item) => typeof item === "string" && pattern.test(item));
  if (!isSound) throw new Failure("bad_request", `${name}: must be a list of at most ${most}`);
  return list;
}
