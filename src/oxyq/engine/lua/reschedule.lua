--[[
  Moves a delayed job to another time, in its options too: handlers tell by these when it was to run, and how late it is.
    KEYS[1..4] and ARGV[1..4] as of changeDelay
    ARGV[5] its options as they were read   ARGV[6] its options with the new delay
  Output: 0 moved, -1 no such job, -3 not delayed, -7 its options are others by now
]]
local function changeDelay(KEYS, ARGV)
--@bullmq changeDelay
end
if redis.call("EXISTS", ARGV[4]) == 1 and (redis.call("HGET", ARGV[4], "opts") or "") ~= ARGV[5] then return -7 end
local answer = changeDelay(KEYS, {unpack(ARGV, 1, 4)})
if answer == 0 then redis.call("HSET", ARGV[4], "opts", ARGV[6]) end
return answer
