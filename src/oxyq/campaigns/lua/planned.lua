--[[
  Says that every row is planned: the campaign runs from now on, or is at its end.
    KEYS[1] hash: the campaign
    ARGV[1] time in ms
  Output: {1 when this made it run, 1 when it is at its end already}
]]
local now = redis.call("HMGET", KEYS[1], "state", "plannedAt", "planned")
if now[1] ~= "planning" or now[2] then return {0, 0} end
redis.call("HSET", KEYS[1], "plannedAt", ARGV[1])
if tonumber(now[3] or 0) > 0 then
  redis.call("HSET", KEYS[1], "state", "running", "startedAt", ARGV[1])
  return {1, 0}
end
redis.call("HSET", KEYS[1], "state", "completed", "startedAt", ARGV[1], "endedAt", ARGV[1])
return {1, 1}
