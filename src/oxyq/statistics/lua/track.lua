--[[
  Which of these organizations are counted by themselves: those that are already, and others while there is room.

    KEYS[1] sorted set: organizations by when they were last counted
    ARGV[1] now in ms   ARGV[2] whoever was not counted since this time (ms) makes room
    ARGV[3] most of them   ARGV[4] lifetime of the key in ms   ARGV[5...] the organizations
  Output: 1 or 0 for each
]]
redis.call("ZREMRANGEBYSCORE", KEYS[1], "-inf", "(" .. ARGV[2])
local most, many = tonumber(ARGV[3]), redis.call("ZCARD", KEYS[1])
local counted = {}
for i = 5, #ARGV do
  local known = redis.call("ZSCORE", KEYS[1], ARGV[i])
  if known or many < most then
    redis.call("ZADD", KEYS[1], ARGV[1], ARGV[i])
    if not known then many = many + 1 end
    counted[#counted + 1] = 1
  else
    counted[#counted + 1] = 0
  end
end
redis.call("PEXPIRE", KEYS[1], ARGV[4])
return counted
