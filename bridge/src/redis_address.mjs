// From an address as in REDIS_URL to what ioredis takes. Errors never repeat the address: it holds a password.

/**
 * @param {string} url redis://, rediss:// (TLS) or unix://
 * @param {{verifyTls: boolean, authority?: Buffer}} tls
 * @returns {import("ioredis").RedisOptions}
 */
export function redisOptions(url, { verifyTls, authority }) {
  const scheme = url.split("://", 1)[0];
  if (!["redis", "rediss", "unix"].includes(scheme) || !url.includes("://"))
    throw new Error("write redis://, rediss:// (TLS) or unix://");
  if (!URL.canParse(url)) throw new Error("cannot be read; percent-encode the characters / # ? @ : of the password");
  const parts = new URL(url);
  const login = {
    username: parts.username ? decodeURIComponent(parts.username) : undefined,
    password: parts.password ? decodeURIComponent(parts.password) : undefined,
  };
  if (scheme === "unix")
    return { ...login, path: decodeURIComponent(parts.pathname), db: database(parts.searchParams.get("db") ?? "") };
  if (!parts.hostname) throw new Error("has no host; write redis://HOST:PORT");
  return {
    ...login,
    host: parts.hostname.replace(/^\[|\]$/g, ""),
    port: Number(parts.port || 6379),
    db: database(parts.pathname.replaceAll("/", "")),
    ...(scheme === "rediss" && { tls: { ca: authority, rejectUnauthorized: verifyTls } }),
  };
}

function database(text) {
  if (!/^\d*$/.test(text)) throw new Error("ends with something other than the number of a database");
  return Number(text || 0);
}
