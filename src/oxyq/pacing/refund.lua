--[[
  Takes back promises that nobody will use. After lane.lua, and beyond its arguments:
    ARGV[4…]  the times that were promised, in ms
]]
for index = 4, #ARGV do
  local at = tonumber(ARGV[index])
  local was_promised = not limits.gap and #calendars == 0
  for _, level in ipairs(calendars) do
    local key, bit = slot_key(level, slot_of(level, at))
    if redis.call("LREM", level.key .. ":reserve", -1, at) == 1 then
      was_promised = true
    elseif redis.call("EXISTS", key) == 1 and redis.call("SETBIT", key, bit, 0) == 1 then
      was_promised = true
    end
  end
  if limits.gap and redis.call("LREM", KEYS[2] .. ":gaps", -1, at) == 1 then was_promised = true end
  -- Given back twice, it is one.
  if was_promised then use_day(at, -1) end
end
