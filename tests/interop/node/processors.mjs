// What a Node worker does with its jobs, by name; `held` jobs wait for the test to let go.
import { Buffer } from "node:buffer";

export function processors({ UnrecoverableError, DelayedError }) {
  return {
    echo: () => async (job) => job.data,

    held: (gate) => async (job) => {
      await gate.opened;
      return job.data;
    },

    failing: () => async (job) => {
      throw new Error(`Node cannot do ${job.name}`);
    },

    "fails-child": () => async (job) => {
      if (job.name === "child") throw new Error("the child is ill");
      return job.data;
    },

    "fails-once": () => async (job) => {
      if (job.attemptsMade === 0) throw new Error("the first attempt fails");
      return job.data;
    },

    unrecoverable: () => async (job) => {
      throw new UnrecoverableError(`Node will never do ${job.name}`);
    },

    "later-once": () => async (job, token) => {
      if (job.attemptsStarted > 1) return job.data;
      await job.moveToDelayed(Date.now() + 50, token);
      throw new DelayedError();
    },

    reports: () => async (job) => {
      await job.updateProgress({ at: 1 });
      for (const line of ["one", "two", "three"]) await job.log(line);
      return job.data;
    },

    "children-values": () => async (job) => Object.values(await job.getChildrenValues()),

    // The text as Node writes it, in hex, so that not even the way back can change a byte of it.
    bytes: () => async (job) => Buffer.from(JSON.stringify(job.data)).toString("hex"),
  };
}

export function makeGate() {
  const gate = {};
  gate.opened = new Promise((open) => (gate.open = open));
  return gate;
}
