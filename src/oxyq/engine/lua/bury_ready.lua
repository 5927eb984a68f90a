--[[
  Puts a job that waits or is delayed among the dead letters, and takes it out of its queue, in one step.
    KEYS[1..2]   as of removeJob
    KEYS[3..11]  as of addStandardJob, of the dead-letter queue
    KEYS[12]     job key of the dead letter
    KEYS[13]     the state it must be in
    ARGV[1..3]   as of removeJob
    ARGV[4..6]   as of addStandardJob
  Output: 1 buried, 0 it is not there (any more), or runs, or belongs to a scheduler
]]
local function remove(KEYS, ARGV)
--@bullmq removeJob
end
local function add(KEYS, ARGV)
--@bullmq addStandardJob
end
local isList = redis.call("TYPE", KEYS[13])["ok"] == "list"
if redis.call("EXISTS", KEYS[1]) == 0 then return 0 end
if not isList and not redis.call("ZSCORE", KEYS[13], ARGV[1]) then return 0 end
if isList and redis.call("HEXISTS", KEYS[1], "finishedOn") == 1 then return 0 end
if remove({unpack(KEYS, 1, 2)}, {unpack(ARGV, 1, 3)}) ~= 1 then return 0 end
if redis.call("EXISTS", KEYS[12]) == 1 then
  redis.call("HSET", KEYS[12], "data", ARGV[5])
else
  add({unpack(KEYS, 3, 11)}, {unpack(ARGV, 4, 6)})
end
return 1
