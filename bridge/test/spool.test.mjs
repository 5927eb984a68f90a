// The spool, and the intake that stands on it.
import assert from "node:assert/strict";
import { appendFile, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";

import { Intake } from "../src/intake.mjs";
import { Spool } from "../src/spool.mjs";

let folder;
let number = 0;
before(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "oxyq-spool-"));
});
after(() => rm(folder, { recursive: true }));
const fresh = () => path.join(folder, `spool-${number++}.jsonl`);

/** All that is left, and closes it. */
async function all(spool, isLast = true) {
  const values = [];
  while (spool.count) {
    const found = await spool.first(2);
    values.push(...found.values);
    await spool.drop(found);
  }
  if (isLast) await spool.close();
  return values;
}

test("what was written is read in order, also by the next process, from where the last one was", async () => {
  const name = fresh();
  const spool = await Spool.open(name);
  await Promise.all([spool.append([1, 2]), spool.append([3]), spool.append([4, 5])]);
  await spool.drop(await spool.first(2));
  await spool.close();
  const next = await Spool.open(name);
  assert.equal(next.count, 3);
  assert.deepEqual(await all(next, false), [3, 4, 5]);
  assert.equal((await stat(name)).size, 0);
  await next.append(["novo"]);
  assert.deepEqual(await all(next), ["novo"]);
  assert.equal((await stat(name)).mode & 0o077, 0);
});

test("a line that a crash tore is no line; one that is broken costs no other", async () => {
  const name = fresh();
  await writeFile(name, '{"a":1}\nbroken\n{"a":2}\n{"a":');
  const spool = await Spool.open(name);
  assert.equal(spool.count, 3);
  await spool.append([{ a: 3 }]);
  assert.deepEqual(await all(spool), [{ a: 1 }, { a: 2 }, { a: 3 }]);
});

test("a place behind the end counts as none: the file was emptied, and the place not yet", async () => {
  const name = fresh();
  await writeFile(name, "1\n");
  await writeFile(`${name}.begin`, "1000");
  assert.deepEqual(await all(await Spool.open(name)), [1]);
});

test("a long line is read, and one that finds no room is refused", async () => {
  const spool = await Spool.open(fresh(), 3_000_000);
  await spool.append(["x".repeat(1_500_000), "y"]);
  assert.deepEqual(
    (await all(spool, false)).map((value) => value.length),
    [1_500_000, 1],
  );
  assert.equal(await spool.append(["z".repeat(3_000_000)]), false);
  await spool.close();
});

/** A queue that can be broken. */
class TestQueue {
  added = [];
  isAway = false;
  refused = 0;
  async addBulk(jobs) {
    if (this.isAway) this.refused += 1;
    if (this.isAway) throw new Error("away");
    this.added.push(...jobs.map(({ opts }) => opts.jobId));
  }
}

test("as soon as one message is on the disk, all go there until it is empty", async () => {
  const queue = new TestQueue();
  const spool = await Spool.open(fresh());
  const intake = new Intake(queue, spool, {}, () => {}, { tookIn() {} });
  await intake.take("1", {});
  queue.isAway = true;
  await intake.take("2", {});
  assert.equal(intake.spooled, 1);
  while (queue.refused < 2) await new Promise((resolve) => setImmediate(resolve)); // the message itself, and the disk's
  queue.isAway = false;
  await Promise.all(["3", "4", "2", "1"].map((id) => intake.take(id, {})));
  while (intake.spooled) await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(queue.added, ["1", "2", "3", "4"]);
  await intake.close();
});

test("what an earlier process left on the disk goes first", async () => {
  const name = fresh();
  await appendFile(name, '{"id":"left","data":{}}\n');
  const queue = new TestQueue();
  const intake = new Intake(queue, await Spool.open(name), {}, () => {}, { tookIn() {} });
  await intake.take("new", {});
  while (intake.spooled) await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(queue.added, ["left", "new"]);
  await intake.close();
  assert.equal(await readFile(name, "utf8"), "");
});
