--[[
  Moves a campaign from one state to another.
    KEYS[1] hash: the campaign
    ARGV[1] time in ms   ARGV[2] seconds it lives on
    ARGV[3] field that gets the time, "" for none
    ARGV[4] "new" for a new generation of its run, "again" for one that sends to whom it failed for, else ""
    ARGV[5] ... states it may be in, each with the state that follows
  Output: {state before, state now, generation}; {false} when there is no such campaign
]]
local before = redis.call("HGET", KEYS[1], "state")
if not before then return {false} end
local after = before
for i = 5, #ARGV, 2 do
  if ARGV[i] == before then after = ARGV[i + 1] end
end
local generation = tonumber(redis.call("HGET", KEYS[1], "generation") or 0)
if after == before then return {before, before, generation} end
if ARGV[4] == "again" then
  redis.call("HDEL", KEYS[1], "plannedAt", "endedAt")
  redis.call("HINCRBY", KEYS[1], "again", 1)
end
if ARGV[4] ~= "" then
  generation = redis.call("HINCRBY", KEYS[1], "generation", 1)
  -- What `note.lua` counts by the minute begins anew: the time in which it was paused is none of its rate.
  redis.call("HDEL", KEYS[1], "minute:0", "minute:1", "minute:2", "minute:3", "minute:4", "minute:5")
end
-- What is planned already goes on where it was.
if after == "planning" and redis.call("HEXISTS", KEYS[1], "plannedAt") == 1 then after = "running" end
redis.call("HSET", KEYS[1], "state", after)
redis.call("HDEL", KEYS[1], "waits", "waitsUntil")
if ARGV[3] ~= "" then redis.call("HSET", KEYS[1], ARGV[3], ARGV[1]) end
redis.call("EXPIRE", KEYS[1], ARGV[2])
return {before, after, generation}
