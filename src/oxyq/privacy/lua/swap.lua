--[[
  Puts one value in the place of another, if that is still there; how long the key lives stays as it is.
    KEYS[1] string, hash or list
    ARGV[1] string | hash | list     ARGV[2] field or place     ARGV[3] value before     ARGV[4] value from now on
  Output: 1 done, 0 somebody else changed it
]]
if ARGV[1] == "string" then
  if redis.call("GET", KEYS[1]) ~= ARGV[3] then return 0 end
  redis.call("SET", KEYS[1], ARGV[4], "KEEPTTL")
elseif ARGV[1] == "hash" then
  if redis.call("HGET", KEYS[1], ARGV[2]) ~= ARGV[3] then return 0 end
  redis.call("HSET", KEYS[1], ARGV[2], ARGV[4])
else
  if redis.call("LINDEX", KEYS[1], ARGV[2]) ~= ARGV[3] then return 0 end
  redis.call("LSET", KEYS[1], ARGV[2], ARGV[4])
end
return 1
