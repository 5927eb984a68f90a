--[[
  Changes one field of a hash that processes watch, if it still is what the caller thinks.
    KEYS[1] the hash; its field "" counts the changes
    ARGV[1] field   ARGV[2] what it is now ("": not there)   ARGV[3] what it shall be ("": not there)
  Output: 1 it is changed, 0 it was something else
]]
local now = redis.call("HGET", KEYS[1], ARGV[1]) or ""
if now ~= ARGV[2] then return 0 end
if now == ARGV[3] then return 1 end
if ARGV[3] == "" then
  redis.call("HDEL", KEYS[1], ARGV[1])
else
  redis.call("HSET", KEYS[1], ARGV[1], ARGV[3])
end
redis.call("HINCRBY", KEYS[1], "", 1)
return 1
