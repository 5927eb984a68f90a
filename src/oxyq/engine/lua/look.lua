--[[
  Looks at one job and all that surrounds it, at one moment.
    KEYS[1] job        KEYS[2] its lock    KEYS[3] its logs
    KEYS[4] wait       KEYS[5] active      KEYS[6] paused     KEYS[7] delayed    KEYS[8] prioritized
    KEYS[9] completed  KEYS[10] failed     KEYS[11] waiting-children
    ARGV[1] job id
    ARGV[2] bytes of the longest field that is read
  Output: nothing when there is no such key, its type when it is no hash, else
    {state, {field, value, ...}, {field, bytes, ...} of those that are too long to be read, SHA-1 of the data,
     ms until its lock runs out (negative: none), score in delayed (or nothing), how many log lines,
     how many children are open, done, failed, failed without harm}
]]
local rcall = redis.call
local key, id = KEYS[1], ARGV[1]
-- A list of a million takes longer to look through than anybody may keep Redis busy. What stands nowhere else waits.
local MOST = 50000

local function isIn(list)
  return rcall("LPOS", list, id, "RANK", -1, "MAXLEN", MOST) or rcall("LPOS", list, id, "MAXLEN", MOST)
    or rcall("LLEN", list) > 2 * MOST
end

local kind = rcall("TYPE", key)["ok"]
if kind == "none" then return false end
if kind ~= "hash" then return kind end

local due = rcall("ZSCORE", KEYS[7], id)
local state = "unknown"
if rcall("ZSCORE", KEYS[9], id) then state = "completed"
elseif rcall("ZSCORE", KEYS[10], id) then state = "failed"
elseif due then state = "delayed"
elseif rcall("ZSCORE", KEYS[8], id) then state = "prioritized"
elseif rcall("LPOS", KEYS[5], id) then state = "active"
elseif rcall("ZSCORE", KEYS[11], id) then state = "waiting-children"
elseif isIn(KEYS[4]) or isIn(KEYS[6]) then state = "waiting" end

local fields, tooLong = {}, {}
for _, name in ipairs(rcall("HKEYS", key)) do
  local bytes = rcall("HSTRLEN", key, name)
  local list, value = tooLong, bytes
  if bytes <= tonumber(ARGV[2]) then list, value = fields, rcall("HGET", key, name) end
  list[#list + 1] = name
  list[#list + 1] = value
end
return {
  state, fields, tooLong, redis.sha1hex(rcall("HGET", key, "data") or ""), rcall("PTTL", KEYS[2]), due or false,
  rcall("LLEN", KEYS[3]),
  rcall("SCARD", key .. ":dependencies"), rcall("HLEN", key .. ":processed"),
  rcall("ZCARD", key .. ":unsuccessful"), rcall("HLEN", key .. ":failed")
}
