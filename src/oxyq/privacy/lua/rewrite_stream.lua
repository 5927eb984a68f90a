--[[
  Takes entries out of a stream for good: XDEL only marks them, and their bytes stay in memory and on disk.
    KEYS[1] stream     KEYS[2] its stand-in while this runs
    ARGV[1] ... ids of entries
  Output: how many were there
]]
local gone, found = {}, 0
for _, id in ipairs(ARGV) do gone[id] = true end
if redis.call("EXISTS", KEYS[1]) == 0 then return 0 end
local last = nil
for at, value in ipairs(redis.call("XINFO", "STREAM", KEYS[1])) do
  if value == "last-generated-id" then last = redis.call("XINFO", "STREAM", KEYS[1])[at + 1] end
end
redis.call("DEL", KEYS[2])
for _, entry in ipairs(redis.call("XRANGE", KEYS[1], "-", "+")) do
  if gone[entry[1]] then
    found = found + 1
  else
    redis.call("XADD", KEYS[2], entry[1], unpack(entry[2]))
  end
end
if redis.call("EXISTS", KEYS[2]) == 1 then
  redis.call("XSETID", KEYS[2], last)
  redis.call("RENAME", KEYS[2], KEYS[1])
else
  redis.call("DEL", KEYS[1])
end
return found
