--[[
  Fails a job for the last time and puts a dead letter for it into another queue, in one step: there is no moment
  at which a crash leaves a job failed but not buried.
    KEYS[1..14]   as of moveToFinished (target: failed)
    KEYS[15..23]  as of addStandardJob, of the dead-letter queue
    KEYS[24]      job key of the dead letter
    ARGV[1..9]    as of moveToFinished
    ARGV[10..12]  as of addStandardJob
    ARGV[13]      "1": only if nobody holds the job's lock (it is failed from outside, with token "0")
  Output: what moveToFinished answers, -6 when somebody holds the lock; nothing is buried when it is negative.
]]
local function fail(KEYS, ARGV)
--@bullmq moveToFinished
end
local function add(KEYS, ARGV)
--@bullmq addStandardJob
end
if ARGV[13] == "1" and redis.call("EXISTS", KEYS[12] .. ":lock") == 1 then return -6 end
local result = fail({unpack(KEYS, 1, 14)}, {unpack(ARGV, 1, 9)})
if type(result) == "number" and result < 0 then return result end
if redis.call("EXISTS", KEYS[24]) == 1 then
  -- Failed again after a retry by someone else: one dead letter a job, telling the latest failure.
  redis.call("HSET", KEYS[24], "data", ARGV[11])
else
  add({unpack(KEYS, 15, 23)}, {unpack(ARGV, 10, 12)})
end
-- The sweep compares this with finishedOn to find what others failed (a Node worker buries nothing).
if redis.call("EXISTS", KEYS[12]) == 1 then redis.call("HSET", KEYS[12], "buried", ARGV[2]) end
return result
