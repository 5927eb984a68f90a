--[[
  Makes a task, once: the same order under the same id is the same task.
    KEYS[1] hash: the task   KEYS[2] set: open tasks   KEYS[3...] sorted sets it is listed in
    ARGV[1] id   ARGV[2] now (ms)   ARGV[3] seconds it lives   ARGV[4] fingerprint of the order   ARGV[5...] its fields
  Output: 1 made, 0 was there, -1 the id belongs to another order
]]
local there = redis.call("HGET", KEYS[1], "fingerprint")
if there then return there == ARGV[4] and 0 or -1 end
redis.call("HSET", KEYS[1], "fingerprint", ARGV[4], "created", ARGV[2], unpack(ARGV, 5))
redis.call("EXPIRE", KEYS[1], ARGV[3])
redis.call("SADD", KEYS[2], ARGV[1])
for i = 3, #KEYS do
  redis.call("ZADD", KEYS[i], ARGV[2], ARGV[1])
  redis.call("ZREMRANGEBYSCORE", KEYS[i], "-inf", "(" .. ARGV[2] - ARGV[3] * 1000)
  redis.call("EXPIRE", KEYS[i], ARGV[3])
end
return 1
