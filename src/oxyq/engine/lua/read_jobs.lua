--[[
  Reads jobs with all there is of them, each at one moment, wherever it stands by now.
    KEYS[1] completed   KEYS[2] failed   KEYS[3] waiting-children   KEYS[4] delayed   KEYS[5] prioritized
    ARGV[1] key prefix     ARGV[2] ... job ids
  Output: {how many ids were looked at, then for each job that there is
    {id, its sorted set (a number as in KEYS, 0: none), its score there, "1" when a worker has it,
     {field, value, ...}, {what else there is of it: logs, dependencies, ...}}}
]]
local rcall = redis.call
-- So much is enough for one answer, and Redis is busy for a millisecond.
local MOST_BYTES = 2 ^ 19
local PARTS = {"logs", "dependencies", "processed", "failed", "unsuccessful"}

local found, bytes = {0}, 0
for i = 2, #ARGV do
  if bytes > MOST_BYTES then break end
  found[1] = i - 1
  local key = ARGV[1] .. ARGV[i]
  local fields = redis.pcall("HGETALL", key) -- what is no hash is no job
  if not fields.err and #fields > 0 then
    local set, score = 0, "0"
    for number, name in ipairs(KEYS) do
      local place = rcall("ZSCORE", name, ARGV[i])
      if place then set, score = number, place break end
    end
    local parts = {}
    for _, part in ipairs(PARTS) do
      if rcall("EXISTS", key .. ":" .. part) == 1 then parts[#parts + 1] = part end
    end
    for _, value in ipairs(fields) do bytes = bytes + #value end
    found[#found + 1] = {ARGV[i], set, score, tostring(rcall("EXISTS", key .. ":lock")), fields, parts}
  end
end
return found
