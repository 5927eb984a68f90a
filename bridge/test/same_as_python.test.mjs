// What both sides make must be the same, byte for byte; vectors.json was made by the Python side.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";

import { jobId } from "../src/job_id.mjs";
import { contactKey, variants } from "../src/numbers.mjs";
import { redisKeys } from "../src/redis_keys.mjs";

const vectors = JSON.parse(await readFile(new URL("vectors.json", import.meta.url), "utf8"));

test("a message has one job id on both sides", () => {
  for (const { data, jobId: expected } of vectors.jobs) assert.equal(jobId(data), expected);
});

test("keys of Redis are the same on both sides, whatever an instance is called", () => {
  for (const { instance, key } of vectors.keys) assert.equal(redisKeys("bull").auth(instance), key);
  const keys = redisKeys(vectors.prefixed.prefix);
  const made = {
    prefix: vectors.prefixed.prefix,
    instances: keys.instances,
    lease: keys.lease("a b"),
    sent: keys.sent("a", "b:c"),
    address: keys.address("a", "5511"),
  };
  assert.deepEqual(made, vectors.prefixed);
});

test("a mobile of Brazil may be known with and without its ninth digit; nobody else gets one", () => {
  assert.deepEqual(variants("5511999990001"), ["5511999990001", "551199990001"]);
  assert.deepEqual(variants("553188887777"), ["5531988887777", "553188887777"]);
  for (const number of ["551133334444", "5491122223333", "14155550100"]) assert.deepEqual(variants(number), [number]);
  assert.equal(contactKey("553188887777"), "5531988887777");
  assert.equal(contactKey("551133334444"), "551133334444");
});
