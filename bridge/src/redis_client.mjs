// A connection to where an address leads: a server, the master that sentinels name, or a cluster.
import { Cluster, Redis } from "ioredis";

/**
 * @param {import("./redis_address.mjs").Address} address
 * @param {import("ioredis").RedisOptions} living how it lives without Redis
 * @returns {Redis | Cluster}
 */
export function openRedis({ cluster, ...address }, living) {
  if (cluster) return openCluster(cluster, address, living);
  // A demoted master says READONLY and has done nothing: ask the sentinels, and send the same again (2).
  const reconnectOnError = (error) => (address.sentinels && error.message.startsWith("READONLY") ? 2 : false);
  return new Redis({ ...address, ...living, reconnectOnError });
}

function openCluster(nodes, address, { maxRetriesPerRequest, enableOfflineQueue = true, retryStrategy, ...living }) {
  return new Cluster(nodes, {
    redisOptions: { ...address, ...living },
    enableOfflineQueue,
    clusterRetryStrategy: retryStrategy,
    // Where a single server's command would wait for as long as it takes, so does this one.
    ...(maxRetriesPerRequest === null && { maxRedirections: Infinity }),
    // Certificates are for names, so names are what is connected to.
    ...(address.tls && { dnsLookup: (name, callback) => callback(null, name) }),
  });
}
