--[[
  A sign of life of one process. Redis's own clock says when, so that nobody's clock can make a process dead.

    KEYS[1] sorted set: processes by when they were last heard   KEYS[2] string: what this one says of itself
    ARGV[1] its id   ARGV[2] what it says   ARGV[3] ms after which it is taken for dead
]]
local time = redis.call("TIME")
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call("SET", KEYS[2], ARGV[2], "PX", ARGV[3])
redis.call("ZADD", KEYS[1], now, ARGV[1])
redis.call("ZREMRANGEBYSCORE", KEYS[1], "-inf", now - ARGV[3])
redis.call("PEXPIRE", KEYS[1], ARGV[3])
