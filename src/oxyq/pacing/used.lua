--[[
  How much of a lane's limits is used. After lane.lua, without arguments of its own.
  Output: {slowed until in ms, messages in the organization's window, in the number's, used of today's budget};
  -1 for what does not apply
]]
local function in_window(name)
  local level = limits[name]
  if not level then return -1 end
  local count = 0
  for _, at in ipairs(redis.call("LRANGE", level.key .. ":all", 0, -1)) do
    if tonumber(at) <= now - level.window then break end
    count = count + 1
  end
  return count
end

local today = day_of(now)
return {slowed_until(), in_window("organization"), in_window("number"), today and used_on(today) or -1}
