// The fake's own HTTP side: what happens on phones and in the network, told from outside. Loopback only, and without a key.
import { once } from "node:events";
import http from "node:http";

const MOST_BYTES = 1024 * 1024;
const OWN_NUMBER = "5511900000000";

/** @type {Record<string, (whatsapp: import("./whatsapp.mjs").FakeWhatsApp, fields: any) => unknown>} */
const ROUTES = {
  "POST /scan": (whatsapp, { qr, account = OWN_NUMBER }) => whatsapp.scan(qr, account),
  "POST /code": (whatsapp, { code, account = OWN_NUMBER }) => whatsapp.type(code, account),
  "POST /person": (whatsapp, { number, lid, absent }) => void whatsapp.person(number, { lid, absent }),
  "POST /inbound": async (whatsapp, { account = OWN_NUMBER, ...fields }) => ({
    id: await whatsapp.inbound(account, fields),
  }),
  "POST /typed": (whatsapp, { account = OWN_NUMBER, ...fields }) => ({ id: whatsapp.typed(account, fields) }),
  "POST /receipt": (whatsapp, fields) => whatsapp.receipt(fields),
  "POST /policy": (whatsapp, fields) => void (whatsapp.policy = fields),
  "POST /logout": (whatsapp, { account = OWN_NUMBER }) => whatsapp.logout(account),
  "POST /disconnect": (whatsapp, { account = OWN_NUMBER, code }) => whatsapp.disconnect(account, code),
  "GET /inbox": (whatsapp, { to, last = 0 }) =>
    whatsapp.inbox.filter((entry) => to === undefined || entry.to === to).slice(-last),
  "GET /stanzas": (whatsapp) => Object.fromEntries(whatsapp.stanzas),
  "GET /receipts": (whatsapp) => whatsapp.receipts,
  "GET /devices": (whatsapp) =>
    [...whatsapp.accounts.values()].flatMap(({ number, devices }) =>
      [...devices.values()].map(({ id, connection, waiting }) => ({
        account: number,
        id,
        isOnline: connection?.isActive === true,
        waiting: waiting.size,
      })),
    ),
};

/** @param {import("./whatsapp.mjs").FakeWhatsApp} whatsapp */
export async function serveControl(whatsapp, port = 0) {
  const server = http.createServer(async (request, response) => {
    const { pathname, searchParams } = new URL(request.url, "http://127.0.0.1");
    const route = ROUTES[`${request.method} ${pathname}`];
    const answer = (status, body = {}) =>
      response.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify(body));
    if (!route) return answer(404, { error: `there are only: ${Object.keys(ROUTES).join(", ")}` });
    try {
      const fields = { ...Object.fromEntries(searchParams), ...(await readJson(request)) };
      answer(200, await route(whatsapp, fields));
    } catch (error) {
      answer(400, { error: error.message });
    }
  });
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  return { server, url: `http://127.0.0.1:${server.address().port}` };
}

async function readJson(request) {
  const chunks = [];
  let size = 0;
  for await (const chunk of request) {
    size += chunk.length;
    if (size > MOST_BYTES) throw new Error("the body is too large");
    chunks.push(chunk);
  }
  return size ? JSON.parse(Buffer.concat(chunks).toString("utf8")) : {};
}
