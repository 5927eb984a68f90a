// The API's webhook, as far as the bridge sees it: it keeps the events, and refuses a wrong signature.
import { once } from "node:events";
import http from "node:http";

import { signature } from "../src/events.mjs";

export class Receiver {
  events = []; // {instance, ...event}
  batches = [];
  status = 200; // what it answers

  static async start(key, port = 0) {
    const receiver = new Receiver();
    receiver.server = http.createServer(async (request, response) => {
      const chunks = [];
      for await (const chunk of request) chunks.push(chunk);
      const body = Buffer.concat(chunks).toString("utf8");
      const isSigned = request.headers["x-oxyq-signature"] === signature(key, body);
      const status = isSigned ? receiver.status : 401;
      if (status === 200) {
        const instance = decodeURIComponent(request.url.match(/^\/webhooks\/baileys\/(.+)$/)[1]);
        const { events } = JSON.parse(body);
        receiver.batches.push(events.length);
        receiver.events.push(...events.map((event) => ({ instance, ...event })));
      }
      response.writeHead(status).end();
    });
    receiver.server.listen(port, "127.0.0.1");
    await once(receiver.server, "listening");
    receiver.url = `http://127.0.0.1:${receiver.server.address().port}`;
    return receiver;
  }

  of(type) {
    return this.events.filter((event) => event.type === type);
  }

  async close() {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, "close");
  }
}
