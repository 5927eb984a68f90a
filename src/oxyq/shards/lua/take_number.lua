-- Takes a number from its bridge, as another bridge would take it (bridge/src/lease.mjs).
--   KEYS[1] bridge-lease   KEYS[2] bridge-fence   ARGV[1] now (ms)   ARGV[2] for how long (ms)
local fence = redis.call("INCR", KEYS[2])
local lease = cjson.encode({bridge = "move", url = "http://moving.invalid", fence = fence, at = tonumber(ARGV[1])})
return redis.call("SET", KEYS[1], lease, "PX", ARGV[2])
