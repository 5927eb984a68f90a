--[[
  Promises times to messages that will go later. After lane.lua, and beyond its arguments:
    ARGV[4]  not before this time in ms   ARGV[5]  and before this one
    ARGV[6]  how many
    ARGV[7…] ms between each and the one before, for a number with random gaps
  Output: {times, {} or {when there would be one more, why not before}}
]]
local at, ends, count = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local why
local slowed = slowed_until()
if slowed > at then at, why = slowed, "slowed down" end
local times = {}
if kind == "message" then
  -- Answers have no calendar: the guard lets them all go from then on.
  local open, reason = guard()
  if open > at then at, why = open, reason end
  if at >= ends then return {times, {at, why or ""}} end
  for index = 1, count do times[index] = at end
  return {times, {}}
end
for index = 1, count do
  local time = find(at, why, tonumber(ARGV[6 + index] or 0))
  if time.none or time.at >= ends then return {times, {time.at, time.why or ""}} end
  promise(time)
  times[index] = time.at
  at, why = time.at, nil
end
return {times, {}}
