--[[
  Writes down what a look changed.

    KEYS[1] hash: alerts by id   ARGV[1] seconds it lives   ARGV[2] how many are gone   then their ids
    then id, JSON, id, JSON … of those that changed
]]
local gone = tonumber(ARGV[2])
for at = 3, 2 + gone do
  redis.call("HDEL", KEYS[1], ARGV[at])
end
for at = 3 + gone, #ARGV, 2 do
  redis.call("HSET", KEYS[1], ARGV[at], ARGV[at + 1])
end
redis.call("EXPIRE", KEYS[1], ARGV[1])
