// Settings, sealing, logs, and what to do when a connection ends: the parts that need nothing else.
import assert from "node:assert/strict";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";

import { masked, openLog } from "../src/logs.mjs";
import { afterClose, backoff } from "../src/reconnect.mjs";
import { Sealer } from "../src/sealing.mjs";
import { BadSettings, readSettings } from "../src/settings.mjs";

const KEY = "0123456789abcdef0123456789abcdef";
const sound = { REDIS_URL: "redis://localhost:6379", OXYQ_BRIDGE_KEY: KEY };

test("the defaults are those of the Python side", () => {
  const settings = readSettings(sound);
  assert.deepEqual([settings.port, settings.prefix, settings.instances, settings.leaseMs], [3002, "bull", 50, 20_000]);
  assert.equal(readSettings({ ...sound, OXYQ_PORT: "4000" }).apiUrl, "http://127.0.0.1:4000");
  assert.deepEqual(settings.job, {
    priority: 1,
    attempts: 3,
    backoff: { type: "exponential", delay: 2000, jitter: 0.2 },
    removeOnComplete: { count: 100, age: 86_400 },
    removeOnFail: { count: 500, age: 604_800 },
  });
});

test("every wrong setting is told at once, with the fix, and without what it holds", () => {
  const wrong = {
    REDIS_URL: "http://user:hunter2@host",
    OXYQ_BRIDGE_KEY: "short",
    OXYQ_BRIDGE_PORT: "70000",
    OXYQ_API_URL: "host:3001",
    OXYQ_BRIDGE_WHATSAPP_URL: "wss://evil.example/ws",
    OXYQ_LOG_LEVEL: "loud",
    OXYQ_MESSAGE_ATTEMPTS: "0.5",
    OXYQ_REDIS_CA_FILE: "/nowhere",
  };
  assert.throws(
    () => readSettings(wrong),
    (error) => {
      assert.ok(error instanceof BadSettings);
      const names = error.problems.map((problem) => problem.split(":")[0]);
      for (const name of [
        "OXYQ_BRIDGE_KEY",
        "OXYQ_BRIDGE_PORT",
        "OXYQ_API_URL",
        "OXYQ_BRIDGE_WHATSAPP_URL",
        "OXYQ_BRIDGE_WHATSAPP_ROOT",
        "OXYQ_LOG_LEVEL",
        "OXYQ_MESSAGE_ATTEMPTS",
      ])
        assert.ok(names.includes(name), name);
      assert.ok(!error.message.includes("hunter2") && !error.message.includes("short;"));
      return true;
    },
  );
  assert.throws(() => readSettings({}), /REDIS_URL: is missing[^]*OXYQ_BRIDGE_KEY: is missing|OXYQ_BRIDGE_KEY/);
});

test("addresses of Redis are read as on the Python side", () => {
  const of = (url) => readSettings({ ...sound, REDIS_URL: url }).redis;
  assert.deepEqual(of("rediss://u%40:p%2Fw@host:7000/3"), {
    username: "u@",
    password: "p/w",
    host: "host",
    port: 7000,
    db: 3,
    tls: { ca: undefined, rejectUnauthorized: true },
  });
  assert.deepEqual(of("redis://[::1]"), { username: undefined, password: undefined, host: "::1", port: 6379, db: 0 });
  assert.deepEqual(of("unix:///run/redis.sock?db=2"), {
    username: undefined,
    password: undefined,
    path: "/run/redis.sock",
    db: 2,
  });
  const plain = of("redis+sentinel://:p%40@h1,[::1]:26380/my%20master/2?sentinel_username=s&sentinel_password=a+b%26");
  assert.deepEqual(plain, {
    username: undefined,
    password: "p@",
    sentinels: [
      { host: "h1", port: 26379 },
      { host: "::1", port: 26380 },
    ],
    name: "my master",
    sentinelUsername: "s",
    sentinelPassword: "a+b&",
    db: 2,
  });
  const secure = of("rediss+sentinel://h1/mymaster");
  assert.deepEqual([secure.tls, secure.enableTLSForSentinelMode], [secure.sentinelTLS, true]);
  const cluster = (prefix) => readSettings({ ...sound, REDIS_URL: "redis+cluster://h1,h2:7002", ...prefix }).redis;
  assert.deepEqual(cluster({ OXYQ_REDIS_PREFIX: "{oxyq}" }).cluster, [
    { host: "h1", port: 6379 },
    { host: "h2", port: 7002 },
  ]);
  assert.throws(() => cluster({}), /OXYQ_REDIS_PREFIX: would spread .* write \{bull\}/);
  assert.throws(() => of("redis://host/abc"), /number of a database/);
  for (const wrong of ["redis://u:p@ss@host", "redis://u:p?@host", "redis://u/x@host", "redis://:p%@host"])
    assert.throws(() => of(wrong), /percent-encode/, wrong);
  for (const wrong of ["redis://", "redis://h1,h2", "redis://host:0", "redis+sentinel://h1,/m", "redis+cluster://:1"])
    assert.throws(() => of(wrong), /no usable host and port/, wrong);
});

test("the certificate by which Redis knows us is read, and a key that others may read is refused", async () => {
  const folder = await mkdtemp(path.join(tmpdir(), "oxyq-settings-"));
  const [certificate, key] = ["client.crt", "client.key"].map((name) => path.join(folder, name));
  await writeFile(certificate, "certificate");
  await writeFile(key, "key", { mode: 0o600 });
  const env = {
    ...sound,
    REDIS_URL: "rediss://host",
    OXYQ_REDIS_CLIENT_CERT: certificate,
    OXYQ_REDIS_CLIENT_KEY: key,
  };
  const { tls } = readSettings(env).redis;
  assert.deepEqual([String(tls.cert), String(tls.key), tls.rejectUnauthorized], ["certificate", "key", true]);
  await chmod(key, 0o644);
  assert.throws(() => readSettings(env), /OXYQ_REDIS_CLIENT_KEY: can be read by others .* chmod 600/);
  await rm(folder, { recursive: true });
});

test("what is sealed opens only with its key and at its place", () => {
  const sealer = new Sealer(KEY, "oxyq bridge auth");
  const sealed = sealer.seal("segredo", "wa_1:creds");
  assert.equal(sealer.open(sealed, "wa_1:creds").toString(), "segredo");
  assert.notEqual(sealed, sealer.seal("segredo", "wa_1:creds"));
  assert.throws(() => sealer.open(sealed, "wa_2:creds"));
  assert.throws(() => new Sealer(KEY, "oxyq bridge sent").open(sealed, "wa_1:creds"));
  assert.throws(() => sealer.open("v1:AAAA", "wa_1:creds"));
  assert.throws(() => sealer.open(sealed.slice(3), "wa_1:creds"));
});

test("a log line is JSON, from its level on, and numbers keep their last four digits", () => {
  const lines = [];
  const log = openLog("info", { write: (line) => lines.push(JSON.parse(line)) });
  log("debug", "quiet");
  log("info", "loud", { instance: "wa_1" });
  assert.deepEqual(
    lines.map(({ event, level, instance }) => [event, level, instance]),
    [["loud", "info", "wa_1"]],
  );
  assert.equal(masked("5511999990001@s.whatsapp.net"), "…0001@s.whatsapp.net");
});

test("each way a connection ends has its row", () => {
  const next = (code, how) => afterClose(code, { isPaired: true, failures: 1, ...how }).next;
  assert.deepEqual(
    [515, 408, 428, 503, undefined].map((code) => next(code)),
    ["reopen", "reopen", "reopen", "reopen", "reopen"],
  );
  assert.deepEqual(
    [401, 402, 403, 406, 411].map((code) => next(code)),
    ["unpair", "unpair", "unpair", "unpair", "unpair"],
  );
  assert.deepEqual([next(440), next(405), next(500), next(500, { failures: 3 })], ["leave", "halt", "reopen", "halt"]);
  assert.deepEqual([next(408, { isPaired: false }), next(515, { isPaired: false })], ["stop", "reopen"]);
  assert.equal(backoff(515, 1), 0);
  assert.ok(backoff(408, 1, 1) === 1000 && backoff(408, 1, 0) === 500 && backoff(408, 50, 1) === 60_000);
});
