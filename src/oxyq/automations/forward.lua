--[[
  Sets a time that only ever goes forward: who comes late with an older one changes nothing.
    KEYS[1]  string: a time in ms
    ARGV[1]  the time in ms    ARGV[2]  seconds that it lives from now on
  Output: 1 it went forward, 0 it is later already
]]
local before = tonumber(redis.call("GET", KEYS[1]) or 0)
if before >= tonumber(ARGV[1]) then return 0 end
redis.call("SET", KEYS[1], ARGV[1], "EX", ARGV[2])
return 1
