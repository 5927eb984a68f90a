// From an address as in REDIS_URL to what ioredis takes. Errors never repeat the address: it holds a password.

// As src/oxyq/redis_url.py has them: what the scheme leads to, and whether over TLS.
const SCHEMES = {
  redis: ["server", false],
  rediss: ["server", true],
  unix: ["socket", false],
  "redis+sentinel": ["sentinel", false],
  "rediss+sentinel": ["sentinel", true],
  "redis+cluster": ["cluster", false],
  "rediss+cluster": ["cluster", true],
};

/**
 * What ioredis takes; `cluster` are the nodes of one, for redis_client.mjs.
 * @typedef {import("ioredis").RedisOptions & {cluster?: {host: string, port: number}[]}} Address
 */

/**
 * @param {string} url one of the forms of docs/how-to/redis.md
 * @param {{verifyTls: boolean, authority?: Buffer, certificate?: Buffer, key?: Buffer}} tls
 * @returns {Address}
 */
export function redisAddress(url, { verifyTls, authority, certificate, key }) {
  const [scheme, rest] = splitAt(url, "://");
  const [kind, isTls] = SCHEMES[scheme.toLowerCase()] ?? [];
  if (!kind || !url.includes("://"))
    throw new Error("write redis://, rediss:// (TLS), unix://, redis+sentinel:// or redis+cluster://");
  const [login, place] = rest.includes("@") ? splitAtLast(rest, "@") : ["", rest];
  const [username, password] = splitAt(login, ":");
  if (password.includes(":") || /[#/?@[\]\s]|%(?![0-9A-Fa-f]{2})/.test(login) || /[\s#]/.test(url))
    throw new Error("cannot be read; percent-encode the characters / # ? @ : of the password");
  const [hosts, path] = splitAt(splitAt(place, "?")[0], "/");
  const sayings = query(splitAt(place, "?")[1]);
  const tls = isTls && {
    tls: { ca: authority, rejectUnauthorized: verifyTls, ...(certificate && { cert: certificate, key }) },
  };
  const common = { username: decoded(username), password: decoded(password) };
  switch (kind) {
    case "socket":
      if (hosts || !path) throw new Error("names no socket; write unix:///run/redis.sock");
      return { ...common, path: `/${decodeURIComponent(path)}`, db: database(sayings.db ?? "") };
    case "sentinel":
      return { ...common, ...sentinels(hosts, path, sayings), ...tls, ...(tls && sentinelTls(tls.tls)) };
    case "cluster":
      if (database(path)) throw new Error("names a database, and a cluster has only 0");
      return { ...common, cluster: nodes(hosts, 6379), ...tls };
    default:
      return { ...common, ...node(hosts, 6379), db: database(path), ...tls };
  }
}

/** The part of our keys by which a cluster chooses their node; undefined: it would read all of each key. */
export const hashTag = (prefix) => /\{([^}]*)\}/.exec(prefix)?.[1] || undefined;

function sentinels(hosts, path, sayings) {
  const [service, number] = splitAt(path, "/");
  if (!service) throw new Error("names no master; write redis+sentinel://host:26379,host2:26379/mymaster/0");
  return {
    sentinels: nodes(hosts, 26379),
    name: decodeURIComponent(service),
    sentinelUsername: sayings.sentinel_username,
    sentinelPassword: sayings.sentinel_password,
    db: database(number),
  };
}

const sentinelTls = (tls) => ({ enableTLSForSentinelMode: true, sentinelTLS: tls });

const nodes = (hosts, standard) => hosts.split(",").map((host) => node(host, standard));

function node(text, standard) {
  const found = /^(?:\[([^[\]]+)\]|([^:,[\]]+))(?::(\d{1,5}))?$/.exec(text);
  const port = Number(found?.[3] ?? standard);
  if (!found || port < 1 || port > 65_535) throw new Error("has no usable host and port; write redis://HOST:PORT");
  return { host: (found[1] ?? found[2]).toLowerCase(), port };
}

// Not URLSearchParams, which reads a + of a password as a space.
const query = (text) =>
  Object.fromEntries(text.split("&").map((part) => [splitAt(part, "=")[0], decoded(splitAt(part, "=")[1])]));

const decoded = (text) => (text ? decodeURIComponent(text) : undefined);

function splitAt(text, sign) {
  const at = text.indexOf(sign);
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + sign.length)];
}

function splitAtLast(text, sign) {
  const at = text.lastIndexOf(sign);
  return [text.slice(0, at), text.slice(at + sign.length)];
}

function database(text) {
  if (!/^\d*\/?$/.test(text)) throw new Error("ends with something other than the number of a database");
  return Number(text.replace("/", "") || 0);
}
