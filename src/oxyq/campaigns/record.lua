--[[
  Notes how it went for one recipient of a campaign, and keeps the counters right however often it is said.
    KEYS[1]  hash: the campaign's counters
    KEYS[2]  hash: recipient -> status
    ARGV[1]  recipient
    ARGV[2]  status: planned | sent | failed | unconfirmed | opted_out
    ARGV[3]  seconds both keys live on
    ARGV[4]  time in ms
  Output: 1 when this was the last open recipient of a fully planned campaign, else 0.
]]
local before = redis.call("HGET", KEYS[2], ARGV[1])
if before == ARGV[2] then return 0 end
-- Planning again after a crash must not reopen what has ended, nor may a late failure undo a send.
if before and (ARGV[2] == "planned" or before == "sent") then return 0 end
redis.call("HSET", KEYS[2], ARGV[1], ARGV[2])
if before then redis.call("HINCRBY", KEYS[1], before, -1) end
redis.call("HINCRBY", KEYS[1], ARGV[2], 1)
redis.call("EXPIRE", KEYS[1], ARGV[3])
redis.call("EXPIRE", KEYS[2], ARGV[3])
local state = redis.call("HMGET", KEYS[1], "planned", "complete", "endedAt")
if tonumber(state[1] or 0) == 0 and state[2] == "1" and not state[3] then
  redis.call("HSET", KEYS[1], "endedAt", ARGV[4])
  return 1
end
return 0
