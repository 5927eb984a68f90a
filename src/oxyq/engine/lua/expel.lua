--[[
  Takes ids out of active whose key is no job at all (a string, a list ...): BullMQ's scripts stop with WRONGTYPE on
  them, and would do so for ever.
    KEYS[1]  active key
    KEYS[2]  stalled key
    ARGV[1]  key prefix of the queue
  Output: id, type for each one taken out
]]
local expelled = {}
for _, id in ipairs(redis.call("LRANGE", KEYS[1], 0, -1)) do
  local kind = redis.call("TYPE", ARGV[1] .. id)["ok"]
  if kind ~= "hash" and kind ~= "none" then
    redis.call("LREM", KEYS[1], 0, id)
    redis.call("SREM", KEYS[2], id)
    redis.call("DEL", ARGV[1] .. id .. ":lock")
    expelled[#expelled + 1] = id
    expelled[#expelled + 1] = kind
  end
end
return expelled
