--[[
  Throws dead letters away, as BullMQ's removeJob would, which looks through the whole list for each.
    KEYS[1] dead-letter wait key   KEYS[2] dead-letter events key   KEYS[3…] the letters' job keys
    ARGV[1…] their ids, the oldest first
  Output: those that do not wait, or lie too far from the others: ask for them again by themselves.
]]
-- They are marked in place and taken out in one go: from the oldest end to the last of them, once for all.
local GONE, WINDOW, MOST_WINDOWS = "", 1000, 10
local keys, left, marked = {}, 0, 0
for number, id in ipairs(ARGV) do
  keys[id] = KEYS[number + 2]
  left = left + 1
end
local last
for _, id in ipairs(ARGV) do
  last = redis.call("LPOS", KEYS[1], id, "RANK", -1)
  if last then break end
end
local windows = 0
while last and last >= 0 and left > 0 and windows < MOST_WINDOWS do
  local first = math.max(last - WINDOW + 1, 0)
  local found = redis.call("LRANGE", KEYS[1], first, last)
  for place = #found, 1, -1 do
    local id = found[place]
    if keys[id] then
      redis.call("LSET", KEYS[1], first + place - 1, GONE)
      redis.call("DEL", keys[id], keys[id] .. ":logs")
      redis.call("XADD", KEYS[2], "*", "event", "removed", "jobId", id, "prev", "wait")
      keys[id] = nil
      marked, left = marked + 1, left - 1
    end
  end
  last, windows = first - 1, windows + 1
end
if marked > 0 then redis.call("LREM", KEYS[1], -marked, GONE) end
local others = {}
for _, id in ipairs(ARGV) do
  if keys[id] then others[#others + 1] = id end
end
return others
