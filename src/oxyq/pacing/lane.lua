--[[
  What all scripts of pacing begin with: the limits of a lane, its guard, and its calendar.
    KEYS[1]  beginning of the organization's keys   KEYS[2]  of the number's   KEYS[3]  of the pair's, if it is known
    ARGV[1]  the limits as JSON: "organization", "number", "pair", "gap", "days"; what does not apply is absent
    ARGV[2]  message | automation | campaign
    ARGV[3]  time in ms
  redis_keys.pacing says which keys follow from a beginning, and how long each lives.
]]
local limits, kind, now = cjson.decode(ARGV[1]), ARGV[2], tonumber(ARGV[3])
-- Clocks of processes differ; what is kept by one must not be gone for another.
local SKEW_MS = 10000
local SLOTS_PER_KEY = 32768
-- How far ahead campaigns plan (campaigns/release.py).
local AHEAD_MS = 60000
-- Free slots of two levels may hardly ever meet: better to ask again later than to search for long.
local MOST_STEPS = 2000

local levels, calendars = {}, {}
for position, name in ipairs({"organization", "number"}) do
  local level = limits[name]
  if level then
    level.key, level.why = KEYS[position], name .. " limit"
    levels[#levels + 1] = level
    -- A number with random gaps has no slots: each of its times follows from the one before.
    if not (limits.gap and name == "number") then calendars[#calendars + 1] = level end
  end
end

local guarded = {unpack(levels)}
local pair = KEYS[3] and limits.pair
if pair then
  pair.key, pair.why = KEYS[3], "pair limit"
  guarded[#guarded + 1] = pair
end

-- --- the guard: a window never holds more than its limit -----------------------------------------------------

-- When a window holds fewer than `most` entries of this list.
local function has_room(list, most, window)
  if most <= 0 then return math.huge end
  local entry = redis.call("LINDEX", list, most - 1)
  return entry and tonumber(entry) + window or 0
end

-- When a level lets one more go, as far as the past can tell, if so many others go before it.
local function opens(level, others)
  local all, window = level.key .. ":all", level.window
  local at = has_room(all, level.most - others, window)
  if level == pair then return at end
  if kind == "message" then return math.max(at, has_room(level.key .. ":answers", level.answers - others, window)) end
  local reserve = has_room(level.key .. ":bulk", level.reserve - others, window)
  return math.max(at, math.min(has_room(all, level[kind] - others, window), reserve))
end

-- When all levels do, what keeps it until then, and which level that is.
local function guard()
  local at, why, by = 0, nil, nil
  for _, level in ipairs(guarded) do
    local open = opens(level, 0)
    if open > at then at, why, by = open, level.why, level end
  end
  return at, why, by
end

-- Exact although clocks differ: each entry is a whole window later than the one `most` places before it, so of entries
-- `most` places apart no window holds two.
local function note(list, most, window)
  if most == 0 then return end
  if redis.call("LPUSH", list, now) > most then redis.call("LTRIM", list, 0, most - 1) end
  redis.call("PEXPIRE", list, window + SKEW_MS)
end

-- It goes now.
local function count_it()
  for _, level in ipairs(levels) do
    note(level.key .. ":all", level.most, level.window)
    if kind == "message" then
      note(level.key .. ":answers", level.answers, level.window)
    else
      note(level.key .. ":bulk", level.reserve, level.window)
    end
  end
  if pair then note(pair.key .. ":all", pair.most, pair.window) end
end

-- Until when the other side asked for quiet.
local function slowed_until()
  local at = tonumber(redis.call("GET", KEYS[2] .. ":slowed:number") or 0)
  if kind == "campaign" then at = math.max(at, tonumber(redis.call("GET", KEYS[2] .. ":slowed:campaign") or 0)) end
  if KEYS[3] then at = math.max(at, tonumber(redis.call("GET", KEYS[3] .. ":slowed:pair") or 0)) end
  return at
end

-- --- the calendar: one bit per slot of time -------------------------------------------------------------------

local function slot_of(level, at)
  local us = at * 1000
  return (us - us % level.slot_us) / level.slot_us
end

local function slot_key(level, slot)
  local bit = slot % SLOTS_PER_KEY
  return string.format("%s:calendar:%d:%d", level.key, level.slot_us, (slot - bit) / SLOTS_PER_KEY), bit
end

-- The first time from `at` on that stands in a free slot.
local function free_time(level, at)
  local slot = slot_of(level, at)
  local first = slot
  while true do
    local key, bit = slot_key(level, slot)
    local free = redis.call("BITPOS", key, 0, bit, -1, "BIT")
    -- -1: nothing is free up to the end of the string, and everything is behind it. 0 also stands for "no such key".
    if free == -1 then free = redis.call("STRLEN", key) * 8 end
    free = math.max(free, bit)
    slot = slot - bit + free
    if free < SLOTS_PER_KEY then break end
  end
  return slot == first and at or math.ceil(slot * level.slot_us / 1000)
end

local has_ttl = {}

local function take_slot(level, at)
  local slot = slot_of(level, at)
  local key, bit = slot_key(level, slot)
  redis.call("SETBIT", key, bit, 1)
  if has_ttl[key] then return end
  local ends = (slot - bit + SLOTS_PER_KEY) * level.slot_us / 1000
  redis.call("PEXPIRE", key, math.ceil(ends - now) + SKEW_MS)
  has_ttl[key] = true
end

-- Whether answers alone use all that the calendar may give: then its slots are worth nothing, and the reserve is left.
local function is_flooded(level)
  if level.flooded == nil then
    local most = level.campaign - level.reserve
    level.flooded = level.reserve_us > 0 and has_room(level.key .. ":answers", most, level.window) > now
  end
  return level.flooded
end

-- What goes without a slot of its own takes one where campaigns will plan next, so that they leave room for as much as
-- goes now. The reserve is not in the calendar: whatever is charged, campaigns keep that.
local function charge()
  for _, level in ipairs(calendars) do
    if level.reserve_us > 0 and not is_flooded(level) then
      local at = free_time(level, now + AHEAD_MS)
      if at <= now + 2 * AHEAD_MS + level.window then take_slot(level, at) end
    end
  end
end

-- --- promises: a time at which all levels have room -------------------------------------------------------------

-- Read once, then kept up to date: a plan asks for many times.
local promised = {last = {}, used = {}}

-- Where a time follows from the one before, after a pause, and not from a slot: the list of them, in order.
local function chain_end(chain)
  if not promised.last[chain] then promised.last[chain] = tonumber(redis.call("LINDEX", chain, -1) or 0) end
  return promised.last[chain]
end

local function extend_chain(chain, at, pause)
  promised.last[chain] = at
  redis.call("RPUSH", chain, at)
  redis.call("LTRIM", chain, -2000, -1)
  redis.call("PEXPIRE", chain, at - now + pause + SKEW_MS)
end

local function next_reserve(level)
  return chain_end(level.key .. ":reserve") + math.ceil(level.reserve_us / 1000)
end

local function used_on(day)
  if not promised.used[day.name] then
    promised.used[day.name] = tonumber(redis.call("GET", KEYS[2] .. ":day:" .. day.name) or 0)
  end
  return promised.used[day.name]
end

local function day_of(at)
  for _, day in ipairs(limits.days or {}) do
    if at < day.ends then return day end
  end
end

-- One more, or one less, of the budget of the day that `at` stands in.
local function use_day(at, change)
  local day = day_of(at)
  if not day then return end
  promised.used[day.name] = math.max(0, used_on(day) + change)
  redis.call("SET", KEYS[2] .. ":day:" .. day.name, promised.used[day.name], "PX", day.ends - now + 86400000)
end

-- The first time from `at` on when every level has a slot, or gives its reserve.
local function common_time(from)
  local at, why, by_reserve = from, nil, {}
  for _ = 1, MOST_STEPS do
    local before = at
    for _, level in ipairs(calendars) do
      -- A reserve promised for tomorrow would be none until then.
      local has_reserve = level.reserve_us > 0 and from <= now + AHEAD_MS + level.window
      local reserve = has_reserve and math.max(at, next_reserve(level)) or math.huge
      local slot = has_reserve and is_flooded(level) and math.huge or free_time(level, at)
      by_reserve[level.key] = reserve < slot
      if math.min(reserve, slot) > at then at, why = math.min(reserve, slot), level.why end
    end
    if at == before then return {at = at, why = why, by_reserve = by_reserve} end
  end
  return {at = at, why = why, none = true}
end

-- The first time from `at` on that can be promised, why not before, and what gives it; `none`: there is none so far.
local function find(at, why, gap)
  if limits.gap then
    local following = chain_end(KEYS[2] .. ":gaps") + gap
    if following > at then at, why = following, "number limit" end
  end
  while true do
    local time = common_time(at)
    time.why = why or time.why
    if time.none then return time end
    local day = day_of(time.at)
    if not limits.days or day and used_on(day) < day.most then return time end
    -- Beyond the days that are known nothing is promised.
    if not day then return {at = time.at, why = time.why, none = true} end
    at, why = day.ends, "daily budget"
  end
end

local function promise(time)
  for _, level in ipairs(calendars) do
    if time.by_reserve[level.key] then
      extend_chain(level.key .. ":reserve", time.at, math.ceil(level.reserve_us / 1000))
    else
      take_slot(level, time.at)
    end
  end
  use_day(time.at, 1)
  if limits.gap then extend_chain(KEYS[2] .. ":gaps", time.at, limits.gap) end
end
