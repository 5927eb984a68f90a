// Settings from the environment, by the names that the Python side has for them; every wrong one is told at once.
import { readFileSync, statSync } from "node:fs";
import path from "node:path";

import { hashTag, redisAddress } from "./redis_address.mjs";

/** @typedef {ReturnType<typeof readSettings>} Settings */

const MIN_KEY_BYTES = 32;
const LOOPBACK = new Set(["localhost", "127.0.0.1", "[::1]"]);
const LEVELS = ["debug", "info", "warning", "error"];
const DAY_SECONDS = 24 * 3600;
const YEAR_SECONDS = 365 * DAY_SECONDS;

/** A setting that cannot be used; each problem names the variable and the fix. */
export class BadSettings extends Error {
  /** @param {string[]} problems */
  constructor(problems) {
    super(problems.join("\n"));
    this.problems = problems;
  }
}

/**
 * All settings, or BadSettings with a line for each that is wrong.
 * @param {Record<string, string | undefined>} env
 */
export function readSettings(env) {
  /** @type {string[]} */
  const problems = [];
  const given = (name) => env[name]?.trim() || undefined;

  const number = (name, standard, lowest, highest, whole = true) => {
    const text = given(name);
    if (text === undefined) return standard;
    const value = /^\d{1,15}(\.\d{1,9})?$/.test(text) ? Number(text) : NaN;
    if (value >= lowest && value <= highest && (!whole || Number.isInteger(value))) return value;
    problems.push(`${name}: must be a ${whole ? "whole number" : "number"} from ${lowest} to ${highest}`);
    return standard;
  };

  const choice = (name, standard, choices) => {
    const text = (given(name) ?? standard).toLowerCase();
    if (choices.includes(text)) return text;
    problems.push(`${name}: must be one of ${choices.join(", ")}`);
    return standard;
  };

  const httpUrl = (name) => {
    const text = given(name);
    if (text === undefined) return undefined;
    const url = URL.canParse(text) ? new URL(text) : undefined;
    if (url && /^https?:$/.test(url.protocol) && !url.username && !url.search && !url.hash)
      return text.replace(/\/+$/, "");
    problems.push(`${name}: must be an address such as https://host:3001`);
    return undefined;
  };

  const key = () => {
    const text = env.OXYQ_BRIDGE_KEY ?? "";
    if (Buffer.byteLength(text) < MIN_KEY_BYTES)
      problems.push(
        text
          ? `OXYQ_BRIDGE_KEY: has fewer than ${MIN_KEY_BYTES} bytes; make one with: openssl rand -hex 32`
          : "OXYQ_BRIDGE_KEY: is missing; give the same as to the API and the workers, 32 bytes or more",
      );
    return text;
  };

  const redis = () => {
    const url = given("REDIS_URL");
    const verify = choice("OXYQ_REDIS_TLS_VERIFY", "true", ["true", "1", "yes", "on", "false", "0", "no", "off"]);
    if (url === undefined) {
      problems.push("REDIS_URL: is missing; give the address of your Redis, such as redis://localhost:6379");
      return {};
    }
    const authority = file("OXYQ_REDIS_CA_FILE");
    const certificate = file("OXYQ_REDIS_CLIENT_CERT");
    // Without one of its own, the key is in the certificate's file.
    const key = file("OXYQ_REDIS_CLIENT_KEY", true) ?? certificate;
    try {
      const verifyTls = ["true", "1", "yes", "on"].includes(verify);
      return redisAddress(url, { verifyTls, authority, certificate, key });
    } catch (error) {
      problems.push(`REDIS_URL: ${error.message}`);
      return {};
    }
  };

  const file = (name, isSecret = false) => {
    const location = given(name);
    if (location === undefined) return undefined;
    try {
      const { mode, uid } = statSync(location);
      if (isSecret && mode & (uid === 0 ? 0o037 : 0o077))
        problems.push(`${name}: can be read by others on this machine; run: chmod 600 ${location}`);
      return readFileSync(location);
    } catch (error) {
      problems.push(`${name}: cannot be read (${error.code})`);
      return undefined;
    }
  };

  const prefix = () => {
    const text = given("OXYQ_REDIS_PREFIX") ?? "bull";
    if (!/^[A-Za-z0-9_.:{}-]{1,64}$/.test(text))
      problems.push("OXYQ_REDIS_PREFIX: must be 1 to 64 letters, digits and _ . : { } -, such as bull");
    else if (/^rediss?\+cluster:/i.test(given("REDIS_URL") ?? "") && !hashTag(text))
      problems.push(`OXYQ_REDIS_PREFIX: would spread our keys over the cluster of REDIS_URL; write {${text}}`);
    return text;
  };

  // Somebody who can set these could make numbers talk to a WhatsApp of theirs: only ever one on this machine.
  const whatsapp = () => {
    const [url, root] = [given("OXYQ_BRIDGE_WHATSAPP_URL"), given("OXYQ_BRIDGE_WHATSAPP_ROOT")];
    if (url === undefined && root === undefined) return undefined;
    const parsed = url && URL.canParse(url) ? new URL(url) : undefined;
    if (!parsed || !/^wss?:$/.test(parsed.protocol) || !LOOPBACK.has(parsed.hostname))
      problems.push(
        "OXYQ_BRIDGE_WHATSAPP_URL: must be on this machine, such as ws://127.0.0.1:8443/ws/chat; unset it for WhatsApp",
      );
    if (!/^[0-9a-f]{64}$/i.test(root ?? ""))
      problems.push(
        "OXYQ_BRIDGE_WHATSAPP_ROOT: must be the 64 hex digits that the fake WhatsApp printed; unset it for WhatsApp",
      );
    return { url, root };
  };

  const metricsToken = () => {
    const text = env.OXYQ_METRICS_TOKEN || undefined;
    if (text !== undefined && Buffer.byteLength(text) < MIN_KEY_BYTES)
      problems.push(`OXYQ_METRICS_TOKEN: has fewer than ${MIN_KEY_BYTES} bytes; make one with: openssl rand -hex 32`);
    return text;
  };

  const port = number("OXYQ_PORT", 3001, 0, 65535);
  const settings = {
    redis: redis(),
    prefix: prefix(),
    key: key(),
    metricsToken: metricsToken(),
    isProduction: given("OXYQ_ENV")?.toLowerCase() === "production",
    host: given("OXYQ_BRIDGE_HOST") ?? "127.0.0.1",
    port: number("OXYQ_BRIDGE_PORT", 3002, 0, 65535),
    url: httpUrl("OXYQ_BRIDGE_URL"),
    instances: number("OXYQ_BRIDGE_INSTANCES", 50, 1, 1000),
    apiUrl: httpUrl("OXYQ_API_URL") ?? `http://127.0.0.1:${port}`,
    spoolFolder: path.join(given("OXYQ_DATA_DIR") ?? ".oxyq", "bridge-spool"),
    level: choice("OXYQ_LOG_LEVEL", "info", LEVELS),
    whatsapp: whatsapp(),
    leaseMs: 1000 * number("OXYQ_BRIDGE_LEASE_SECONDS", 20, 2, 60, false),
    // The policy of the queue `message`; the names and defaults are those of the Python side's table.
    job: {
      priority: number("OXYQ_MESSAGE_PRIORITY", 1, 1, 10),
      attempts: number("OXYQ_MESSAGE_ATTEMPTS", 3, 1, 25),
      backoff: {
        type: "exponential",
        delay: Math.round(1000 * number("OXYQ_MESSAGE_BACKOFF_SECONDS", 2, 0.001, DAY_SECONDS, false)),
        jitter: number("OXYQ_MESSAGE_BACKOFF_JITTER", 0.2, 0, 1, false),
      },
      removeOnComplete: {
        count: number("OXYQ_MESSAGE_KEEP_COMPLETED_COUNT", 100, 0, 1_000_000),
        age: number("OXYQ_MESSAGE_KEEP_COMPLETED_SECONDS", DAY_SECONDS, 1, YEAR_SECONDS),
      },
      removeOnFail: {
        count: number("OXYQ_MESSAGE_KEEP_FAILED_COUNT", 500, 0, 1_000_000),
        age: number("OXYQ_MESSAGE_KEEP_FAILED_SECONDS", 7 * DAY_SECONDS, 1, YEAR_SECONDS),
      },
    },
  };
  if (problems.length) throw new BadSettings(problems);
  return settings;
}
