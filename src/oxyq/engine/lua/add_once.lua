--[[
  Adds a job unless its id was taken before, also when that job is long finished and removed.
    KEYS[1]   where the id is remembered
    KEYS[2]   job key
    KEYS[3..] as of the BullMQ script that adds (addStandardJob, addDelayedJob or addPrioritizedJob)
    ARGV[1]   fingerprint of the body
    ARGV[2]   how long to remember the id, in milliseconds
    ARGV[3..] as of the BullMQ script that adds
  Output:
    job id          added
    1               the same job was added before
    2               the id was taken by another body
    {job's data}    the id is in the queue, added by someone who does not remember ids (a Node producer)
    negative        error of the BullMQ script
]]
local function add(KEYS, ARGV)
--@bullmq ADD
end
local before = redis.call("GET", KEYS[1])
if before then return before == ARGV[1] and 1 or 2 end
if redis.call("EXISTS", KEYS[2]) == 1 then return {redis.call("HGET", KEYS[2], "data")} end
local id = add({unpack(KEYS, 3)}, {unpack(ARGV, 3)})
if type(id) == "number" and id < 0 then return id end
redis.call("SET", KEYS[1], ARGV[1], "PX", ARGV[2])
return id
