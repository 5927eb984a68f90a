--[[
  Notes how it stands with one recipient, and keeps the counters right however often and in whatever order it is said.
    KEYS[1] hash: the campaign     KEYS[2] hash: its recipients     KEYS[3] hash: its open sends
    KEYS[4] sorted set: contacts who did not simply get it, so that they are found among a million
    ARGV[1] contact   ARGV[2] status   ARGV[3] time in ms   ARGV[4] provider's id or reason
    ARGV[5] job id of the send that ended, "" for news from the gateway
    ARGV[6] seconds all live on
  Output: {sends still open, the generation of the campaign's run, 1 when this was the last recipient}
]]
-- A status never goes back. What failed may still be sent (the attempt that was thought lost went through), and what
-- was unconfirmed may be settled by the gateway.
local RANK = {planned = 0, opted_out = 1, capped = 1, removed = 1, failed = 2, unconfirmed = 3, sent = 4, delivered = 5, read = 6}
-- Scores in the sorted set: one of these times 2^32, and the row (campaign.py has the same).
local EXCEPTIONS = {failed = 0, unconfirmed = 1, opted_out = 2, capped = 3, removed = 4}
local MINUTES = 6
local contact, status = ARGV[1], ARGV[2]
if ARGV[5] ~= "" then redis.call("HDEL", KEYS[3], ARGV[5]) end
local before = redis.call("HGET", KEYS[2], contact) or "0"
local row, was = string.match(before, "^(%d+) ?([%l_]*)")
if was == "" then was = "planned" end
-- WhatsApp refuses some messages only after it took them.
local isLateRefusal = ARGV[5] == "" and status == "failed" and was == "sent"
local isNews = RANK[status] ~= nil and (RANK[status] > RANK[was] or isLateRefusal)
if isNews then
  redis.call("HSET", KEYS[2], contact, row .. " " .. status .. " " .. ARGV[3] .. (ARGV[4] ~= "" and " " .. ARGV[4] or ""))
  redis.call("HINCRBY", KEYS[1], was, -1)
  redis.call("HINCRBY", KEYS[1], status, 1)
  if EXCEPTIONS[status] then
    redis.call("ZADD", KEYS[4], string.format("%.0f", EXCEPTIONS[status] * 4294967296 + row), contact)
    redis.call("EXPIRE", KEYS[4], ARGV[6])
  elseif EXCEPTIONS[was] then
    redis.call("ZREM", KEYS[4], contact)
  end
  if ARGV[5] ~= "" then
    -- How many sends ended in each of the last minutes; a minute takes the place of the one before it in the ring.
    local minute = string.format("%d", math.floor(tonumber(ARGV[3]) / 60000))
    local place = "minute:" .. minute % MINUTES
    local kept, count = string.match(redis.call("HGET", KEYS[1], place) or "", "^(%d+) (%d+)$")
    redis.call("HSET", KEYS[1], place, minute .. " " .. (kept == minute and count + 1 or 1))
  else
    -- While it runs, its run sees to that.
    redis.call("EXPIRE", KEYS[1], ARGV[6])
    redis.call("EXPIRE", KEYS[2], ARGV[6])
  end
end
local now = redis.call("HMGET", KEYS[1], "state", "generation", "planned", "plannedAt")
local isLast = 0
if tonumber(now[3] or 0) <= 0 and now[4] and (now[1] == "running" or now[1] == "paused") then
  redis.call("HSET", KEYS[1], "state", "completed", "endedAt", ARGV[3])
  redis.call("HDEL", KEYS[1], "waits", "waitsUntil")
  isLast = 1
end
return {redis.call("HLEN", KEYS[3]), tonumber(now[2] or 0), isLast}
