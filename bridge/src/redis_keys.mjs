// The keys of Redis that the bridge reads and writes, as src/oxyq/redis_keys.py makes them.

/** What Python's `quote(part, safe="")` gives: letters, digits and _ . ~ - stay. */
export function quoted(part) {
  return encodeURIComponent(part).replace(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`);
}

/** @param {string} prefix BullMQ's prefix */
export function redisKeys(prefix) {
  const key = (...parts) => ["oxyq", prefix, ...parts.map(quoted)].join(":");
  return {
    instances: key("instances"),
    lease: (instance) => key("bridge-lease", instance),
    fence: (instance) => key("bridge-fence", instance),
    auth: (instance) => key("bridge-auth", instance),
    sent: (instance, id) => key("bridge-sent", instance, id),
    address: (instance, number) => key("bridge-address", instance, number),
  };
}
