// The real Bull Board, served as a team that has one would serve it, before the queues it is given.
import { once } from "node:events";

import { createBullBoard } from "@bull-board/api";
import { BullMQAdapter } from "@bull-board/api/bullMQAdapter";
import { ExpressAdapter } from "@bull-board/express";
import express from "express";

export async function openBoard(queues) {
  const serverAdapter = new ExpressAdapter();
  serverAdapter.setBasePath("/board");
  createBullBoard({ queues: queues.map((queue) => new BullMQAdapter(queue)), serverAdapter });
  const app = express();
  app.use("/board", serverAdapter.getRouter());
  const server = app.listen(0, "127.0.0.1");
  await once(server, "listening");
  return { address: `http://127.0.0.1:${server.address().port}/board`, server };
}
