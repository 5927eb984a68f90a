--[[
  Nothing of a scope goes for a while. A shorter while than one already asked for changes nothing.
    KEYS[1]  string: until when, in ms
    ARGV[1]  until when, in ms   ARGV[2]  time in ms
]]
local before = tonumber(redis.call("GET", KEYS[1]) or 0)
if tonumber(ARGV[1]) > math.max(before, tonumber(ARGV[2])) then
  redis.call("SET", KEYS[1], ARGV[1], "PX", ARGV[1] - ARGV[2] + 10000)
end
