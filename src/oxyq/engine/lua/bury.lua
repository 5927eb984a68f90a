--[[
  Puts a dead letter for a job that already sits in failed (a Node worker failed it), once per failure.
    KEYS[1..9]  as of addStandardJob, of the dead-letter queue
    KEYS[10]    job key of the dead letter
    KEYS[11]    key of the failed job
    ARGV[1..3]  as of addStandardJob
    ARGV[4]     finishedOn of the failure that is buried
  Output: 1 buried, 0 somebody was faster or the job was retried meanwhile.
]]
local function add(KEYS, ARGV)
--@bullmq addStandardJob
end
local state = redis.call("HMGET", KEYS[11], "finishedOn", "buried")
if state[1] ~= ARGV[4] or state[2] == ARGV[4] then return 0 end
if redis.call("EXISTS", KEYS[10]) == 1 then
  redis.call("HSET", KEYS[10], "data", ARGV[2])
else
  add({unpack(KEYS, 1, 9)}, {unpack(ARGV, 1, 3)})
end
redis.call("HSET", KEYS[11], "buried", ARGV[4])
return 1
