--[[
  Reads a few things of many jobs, and not all they carry: by their places in a state, or by their ids.
    KEYS[1]  the state: a list or a sorted set
    ARGV[1]  key prefix of the queue
    ARGV[2]  how many fields of the data   ARGV[3...] their names; of alternatives "from recipient" the first that is
             there
    then     "places" or "reversed" (from the end of the state), first, last; or "ids" and the ids
  Output: for each job id, name, last error, when it ended or else was added (ms), then the fields; what is not there is
  "". What is no job is an id with empty texts. After a megabyte of data it is enough for one call: fewer are answered.
]]
local rcall = redis.call
local LONGEST_ERROR, LONGEST_VALUE = 300, 200
-- More JSON than this is not read for some fields of it, but searched: in a nested object they would be found too.
local LARGE, ENOUGH = 2 ^ 14, 2 ^ 20
local base = ARGV[1]
local wanted = {}
for i = 1, tonumber(ARGV[2]) do
  wanted[i] = {}
  for name in string.gmatch(ARGV[2 + i], "%S+") do table.insert(wanted[i], name) end
end

local function idsOf(how, first, last)
  if how == "ids" then return {unpack(ARGV, first)} end
  if rcall("TYPE", KEYS[1])["ok"] ~= "list" then
    return rcall(how == "reversed" and "ZREVRANGE" or "ZRANGE", KEYS[1], first, last)
  end
  if how == "places" then return rcall("LRANGE", KEYS[1], first, last) end
  local ids = rcall("LRANGE", KEYS[1], -last - 1, -first - 1)
  local back = {}
  for i = #ids, 1, -1 do back[#back + 1] = ids[i] end
  return back
end

local function valueIn(object, names)
  for _, name in ipairs(names) do
    local value = object[name]
    if type(value) == "string" then return string.sub(value, 1, LONGEST_VALUE) end
  end
  return ""
end

local function valueInText(text, names)
  for _, name in ipairs(names) do
    local value = string.match(text, '"' .. name .. '"%s*:%s*"([^"\\]*)"')
    if value then return string.sub(value, 1, LONGEST_VALUE) end
  end
  return ""
end

local at = 3 + #wanted
local how = ARGV[at]
local ids
if how == "ids" then ids = idsOf(how, at + 1) else ids = idsOf(how, tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2])) end

local rows, n, read = {}, 0, 0
for _, id in ipairs(ids) do
  -- Of what is no hash this is an error, in which there is nothing to be read.
  local job = redis.pcall("HMGET", base .. id, "name", "failedReason", "finishedOn", "timestamp", "data")
  local data = job[5] or ""
  rows[n + 1], rows[n + 2] = id, job[1] or ""
  rows[n + 3], rows[n + 4] = string.sub(job[2] or "", 1, LONGEST_ERROR), job[3] or job[4] or ""
  n = n + 4
  local from, object = valueInText, data
  if #data <= LARGE then
    local isJson, value = pcall(cjson.decode, data)
    from, object = valueIn, isJson and type(value) == "table" and value or {}
  end
  for _, names in ipairs(wanted) do
    n = n + 1
    rows[n] = from(object, names)
  end
  read = read + #data
  if read > ENOUGH then break end
end
return rows
