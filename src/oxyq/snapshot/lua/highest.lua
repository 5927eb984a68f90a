--[[
  Raises a counter to what it was elsewhere; one that is higher stays.
    KEYS[1] counter     ARGV[1] what it was
  Output: 1 raised, 0 it stays
]]
local before = tonumber(redis.call("GET", KEYS[1]) or 0) or 0
if before >= (tonumber(ARGV[1]) or 0) then return 0 end
redis.call("SET", KEYS[1], ARGV[1], "KEEPTTL")
return 1
