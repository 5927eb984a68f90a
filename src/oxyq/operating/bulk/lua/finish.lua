--[[
  Ends a task; what it did not touch is forgotten here and stays as it was in its queue.
    KEYS[1] string: the lease   KEYS[2] hash: the task   KEYS[3] list: its items   KEYS[4] set: open tasks
    ARGV[1] token   ARGV[2] id   ARGV[3] now (ms)   ARGV[4] seconds it lives   ARGV[5] state   ARGV[6] problem
  Output: 1 ended, 0 the lease is lost
]]
if redis.call("GET", KEYS[1]) ~= ARGV[1] then return 0 end
redis.call("HSET", KEYS[2], "state", ARGV[5], "ended", ARGV[3])
if ARGV[6] ~= "" then redis.call("HSET", KEYS[2], "problem", ARGV[6]) end
redis.call("EXPIRE", KEYS[2], ARGV[4])
redis.call("SREM", KEYS[4], ARGV[2])
redis.call("UNLINK", KEYS[1], KEYS[3])
return 1
