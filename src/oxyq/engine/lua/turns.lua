--[[
  Fair turns: sorts jobs that are ready by the organization they are for, so that whoever takes the lowest score of
  BullMQ's `prioritized` set takes one job of each in turn (start-time fair queueing, docs/decisions/fair-turns.md).
  Taken in by settle_and_fetch.lua.

  A ready job is *unsorted* (in `wait`, or in `prioritized` with a priority of its own) or *sorted* (in `prioritized`
  above all priorities in use). The score of a sorted job:

    half + round * ROUND + seat * SEAT + how far into the round

  An organization of weight w has w jobs in a round, and the same seat in all rounds: so between two jobs of one
  organization no other has more than its share. A job goes into the round after its organization's last one, but never
  before the round that is on, which is the lowest that has a job. The jobs are in one half of the scores. When rounds
  must begin anew (they come to an end, somebody removed jobs, the hash is gone) all are sorted into the other half.

    KEYS[1] wait      KEYS[3] prioritized
    KEYS[15] turns    hash: HALF, SEATS, and for each organization with sorted jobs "finish seat id": when it may have
                      its next turn, where, and its last job. Without the hash all is sorted once more.
    ARGV[1]           key prefix
  Output of `sortIntoTurns`: whether jobs are left unsorted, and the half in use, from and to
]]
local LOWER, UPPER = "4503599627370496", "6755399441055744" -- priority 2^20 as BullMQ scores it, and 2^51 above it
local ROUND, MOST_ROUNDS, SEAT, MOST_SEATS = 2 ^ 27, 2 ^ 24, 2 ^ 7, 2 ^ 20
-- Turns are counted in whole parts of a round: reading or writing a fraction takes longer than storing it.
local PARTS = 2 ^ 20
-- What is sorted in one call: some 5 us a job.
local MOST, MOST_BYTES = 200, 2 ^ 20
-- More JSON than this is not read for one field of it.
local LARGE = 2 ^ 16
local KEPT_MS = 7 * 24 * 3600 * 1000
-- A field of more than 64 letters makes Redis keep the hash as a table from the first organization on, and not as a
-- list that is searched from its beginning.
local HALF = "the half of the scores of prioritized that jobs are being sorted into"
local SEATS = "seats given"

local function upTo(half)
  return half == LOWER and "(" .. UPPER or "+inf"
end

-- The value of a field of the data, "" for none. Usually nothing need be decoded: when no object and no list begins
-- before it, it is a field of the outermost object.
local function valueOf(data, name)
  local at, stop = string.find(data, name, 1, true)
  if not at then return "" end
  local isOutermost = at == 2
  if not isOutermost then
    local before = string.sub(data, 2, at - 1)
    isOutermost = not string.find(before, "{", 1, true) and not string.find(before, "[", 1, true)
  end
  if isOutermost or #data > LARGE then
    local value = string.match(data, '^%s*:%s*"([^"\\]*)"', stop + 1)
    if value or #data > LARGE then return value or "" end
  end
  local isJson, decoded = pcall(cjson.decode, data)
  local value = isJson and type(decoded) == "table" and decoded[string.sub(name, 2, -2)]
  return (type(value) == "string" or type(value) == "number") and tostring(value) or ""
end

-- The ids of what is to be sorted, and one more to know whether that is all: those sorted into the other half first,
-- then as BullMQ takes them. Also how many of them were sorted before, and up to which one they are of `wait`.
local function unsorted(half, own)
  local other = half == LOWER and UPPER or LOWER
  local ids = rcall("ZRANGE", prioritizedKey, other, upTo(other), "BYSCORE", "LIMIT", 0, MOST + 1)
  local before = #ids
  if #ids <= MOST then
    local waiting = rcall("LRANGE", waitKey, #ids - MOST - 1, -1)
    for i = #waiting, 1, -1 do ids[#ids + 1] = waiting[i] end
  end
  local waiting = #ids
  if #ids <= MOST then
    local below = rcall("ZRANGE", prioritizedKey, own, "(" .. LOWER, "BYSCORE", "LIMIT", 0, MOST + 1 - #ids)
    for _, id in ipairs(below) do ids[#ids + 1] = id end
  end
  return ids, before, waiting
end

local function sortIntoTurns(by, own, weights)
  local half = rcall("HGET", turnsKey, HALF)
  if not half then half = rcall("ZCOUNT", prioritizedKey, UPPER, "+inf") == 0 and UPPER or LOWER end
  local ids, before, waiting = unsorted(half, own)
  if #ids == 0 then return false, half, upTo(half) end

  -- With no sorted job nobody has had a turn that counts. The first half of the rounds over, the others begin anew, so
  -- that even the longest line of jobs finds rounds to come.
  local first = rcall("ZRANGE", prioritizedKey, half, upTo(half), "BYSCORE", "LIMIT", 0, 1, "WITHSCORES")
  local round = first[2] and math.floor((tonumber(first[2]) - tonumber(half)) / ROUND) or 0
  if not first[2] then
    rcall("DEL", turnsKey)
  elseif round > MOST_ROUNDS / 2 and before == 0 then
    rcall("DEL", turnsKey)
    return true, half, upTo(half)
  end

  -- Whose each job is. One that was begun before and not counted (handed back by a worker that stopped, lost by one
  -- that died, or put off) does not wait behind its organization's other jobs: these have turns of their own.
  local name, bytes, count = '"' .. by .. '"', 0, 0
  local lines, fields, lineOf, scoreOf = {}, {SEATS}, {}, {}
  local new, begun = {}, {}
  for i, id in ipairs(ids) do
    if i > MOST or bytes > MOST_BYTES then break end
    count = i
    local key, priority, isMarker, job = prefix .. id, 0, false, nil
    if i > before and i <= waiting then
      job = rpcall("HMGET", key, "data", "ats", "priority")
      priority = (tonumber(job[3]) or 0) * 2 ^ 32
      isMarker = string.sub(id, 1, 2) == "0:" -- of BullMQ 4
    else
      job = rpcall("HMGET", key, "data", "ats")
    end
    local data = job[1] or ""
    bytes = bytes + #data
    if priority > 0 and priority < tonumber(own) then
      scoreOf[i] = priority -- urgent; the check for stalled jobs puts all into wait
    elseif not isMarker then
      local isBegun = job[2] and tonumber(job[2]) > (tonumber(rcall("HGET", key, "atm")) or 0)
      local value, known = valueOf(data, name), isBegun and begun or new
      if not known[value] then
        local field, parts = (isBegun and "begun:" or "new:") .. value, math.ceil(PARTS / (weights[value] or 1))
        known[value] = {field = field, parts = parts, finish = 0, seat = 0, id = id}
        lines[#lines + 1] = known[value]
        fields[#fields + 1] = known[value].field
      end
      lineOf[i] = known[value]
    end
  end

  local now = round * PARTS
  local kept = rcall("HMGET", turnsKey, unpack(fields))
  local seats, seated, yetToCome = tonumber(kept[1]) or 0, 0, {}
  for i, line in ipairs(lines) do
    local finish, seat, id = string.match(kept[i + 1] or "", "^(%d+) (%d+) (.*)$")
    finish = tonumber(finish)
    if finish and finish > now then
      line.finish, line.seat = finish, tonumber(seat)
      if finish - line.parts >= now + PARTS then yetToCome[#yetToCome + 1] = prefix .. id end
    else
      seats, seated = (seats + 1) % MOST_SEATS, seated + 1
      line.finish, line.seat = now, seats
    end
  end
  if #yetToCome > 0 and rcall("EXISTS", unpack(yetToCome)) < #yetToCome then
    -- The last job of a line is gone before its turn: somebody removed jobs, and nobody knows how many.
    rcall("DEL", turnsKey)
    return true, half, upTo(half)
  end

  local scored, start = {}, tonumber(half)
  for i = 1, count do
    local line = lineOf[i]
    if line then
      local into = line.finish % PARTS
      local turn = math.min((line.finish - into) / PARTS, MOST_ROUNDS - 1)
      scoreOf[i] = start + turn * ROUND + line.seat * SEAT + math.floor(into * SEAT / PARTS)
      line.finish, line.id = line.finish + line.parts, ids[i]
    end
    if scoreOf[i] then
      scored[#scored + 1] = string.format("%d", scoreOf[i])
      scored[#scored + 1] = ids[i]
    end
  end
  if #scored > 0 then rcall("ZADD", prioritizedKey, unpack(scored)) end
  if count > before and waiting > before then
    rcall("LTRIM", waitKey, 0, before - math.min(count, waiting) - 1)
  end
  if #lines == 0 then return count < #ids, half, upTo(half) end

  local entries = {HALF, half, SEATS, seats}
  for _, line in ipairs(lines) do
    entries[#entries + 1] = line.field
    entries[#entries + 1] = string.format("%d %d %s", line.finish, line.seat, line.id)
  end
  rcall("HSET", turnsKey, unpack(entries))
  rcall("PEXPIRE", turnsKey, KEPT_MS)

  -- An entry whose turn has come says nothing any more. For each new one two are looked at: so they do not pile up.
  if seated > 0 then
    local some, past = rcall("HRANDFIELD", turnsKey, seated * 2, "WITHVALUES"), {}
    for i = 1, #some, 2 do
      local finish = string.match(some[i + 1], "^(%d+) %d+ ")
      if finish and tonumber(finish) <= now then past[#past + 1] = some[i] end
    end
    if #past > 0 then rcall("HDEL", turnsKey, unpack(past)) end
  end
  return count < #ids, half, upTo(half)
end

-- As `take`, while jobs are unsorted: only the urgent ones, and then those that are sorted in the half given, if it is.
local function takeWhileSorting(n, own, from, to)
  local ids = rcall("ZRANGE", prioritizedKey, "-inf", "(" .. own, "BYSCORE", "LIMIT", 0, n)
  if from and #ids < n then
    local sorted = rcall("ZRANGE", prioritizedKey, from, to, "BYSCORE", "LIMIT", 0, n - #ids)
    for _, id in ipairs(sorted) do ids[#ids + 1] = id end
  end
  if #ids > 0 then
    rcall("ZREM", prioritizedKey, unpack(ids))
    rcall("LPUSH", activeKey, unpack(ids))
  end
  return ids
end
