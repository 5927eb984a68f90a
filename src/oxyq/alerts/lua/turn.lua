--[[
  Whose turn it is to look for alerts: whoever asks first, for as long as it goes on asking.

    KEYS[1] string: who has it   ARGV[1] who asks   ARGV[2] ms that it keeps it
]]
local holder = redis.call("GET", KEYS[1])
if holder and holder ~= ARGV[1] then
  return 0
end
redis.call("SET", KEYS[1], ARGV[1], "PX", ARGV[2])
return 1
