--[[
  May it go now? After lane.lua, and beyond its arguments:
    ARGV[4]  the time that was promised to it in ms, -1 for none
    ARGV[5]  ms between it and what was planned before it, for a number with random gaps
  Output: {}  it goes, and is counted   {at, why, held}  not before; held 1: that time is promised to it
]]
-- A wait as short as this is waited in place (sending/sender.py).
local IN_PLACE_MS = 50
-- Where so few go in a window, a slot that is lost is a large part of it: rather wait for the next.
local FEW = 20
local held = tonumber(ARGV[4])
local at, why, level = guard()
if level == pair or at <= now then level = nil end
local slowed = slowed_until()
if slowed > math.max(at, now) then at, why, level = slowed, "slowed down", nil end

-- Answers that come back and are early, since one before them was late, do not begin at the end of the queue again.
local queue = kind ~= "message" and "bulk" or held < 0 and "answers" or "late"

-- The times at which those come back who wait for a level, in order.
local function queue_of(waited_for, name)
  local key = waited_for.key .. ":turns:" .. name
  local first = redis.call("LINDEX", key, 0)
  while first and tonumber(first) <= now do
    redis.call("LPOP", key)
    first = redis.call("LINDEX", key, 0)
  end
  return key, redis.call("LLEN", key), tonumber(redis.call("LINDEX", key, -1) or 0)
end

-- When it is the turn of one more to come back: as many entries must leave the window as wait before it.
local function turn(waited_for)
  local key, others, last = queue_of(waited_for, queue)
  local most = kind == "message" and waited_for.answers or waited_for[kind]
  -- As much slower than the level as the calendar, and for the same reason.
  local pause = math.ceil(waited_for.window / most * 1.02)
  local next = others < most and opens(waited_for, others) or last + pause
  return {at = math.max(at, next, last), pause = pause, key = key}
end

local function wait_for(next)
  redis.call("RPUSH", next.key, next.at)
  redis.call("PEXPIRE", next.key, next.at - now + SKEW_MS)
  return {next.at, why, 1}
end

if kind == "message" then
  if at <= now and held < 0 then
    -- Who came before, and waits, goes before it.
    for _, each in ipairs(levels) do
      local _, others = queue_of(each, queue)
      if others > 0 and opens(each, others) > now then level, why = each, each.why end
    end
  end
  if level then return wait_for(turn(level)) end
  if at > now then return {at, why, 0} end
  count_it()
  charge()
  return {}
end

-- A promise of yesterday is not counted in today's budget.
local today = day_of(now)
local is_counted = today and held >= today.starts
if held >= 0 and (is_counted or not today or used_on(today) < today.most) then
  if at <= now then
    if not is_counted then use_day(now, 1) end
    count_it()
    return {}
  end
  -- One was late, and so the next is early, or an answer came between: soon there is room. If many wait, then answers
  -- use the room, and a time of the calendar leaves room for those.
  local next = level and turn(level)
  local patience = next and level.campaign < FEW and math.max(IN_PLACE_MS, 2 * next.pause) or IN_PLACE_MS
  if next and next.at <= now + patience then return wait_for(next) end
end

-- Without a promise, or with one that cannot be kept: from here on it has a new one.
if is_counted then use_day(held, -1) end
local time = find(math.max(at, now), why, tonumber(ARGV[5]))
if time.none then return {time.at, time.why or "", 0} end
promise(time)
if time.at > now then return {time.at, time.why or "", 1} end
count_it()
return {}
