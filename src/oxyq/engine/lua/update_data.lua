--[[
  Replaces the data of a job that nobody runs, if it is still what was looked at: two people who edit the same job do not
  overwrite each other, and a worker never goes by data that it has not read.
    KEYS[1] job      KEYS[2] its lock   KEYS[3] active
    ARGV[1] job id   ARGV[2] SHA-1 of the data that was looked at   ARGV[3] the new data
  Output: 0 replaced, -1 no such job, -6 it is being run, -7 its data are others by now
]]
local data = redis.call("HGET", KEYS[1], "data")
if not data then return -1 end
if redis.call("EXISTS", KEYS[2]) == 1 or redis.call("LPOS", KEYS[3], ARGV[1]) then return -6 end
if redis.sha1hex(data) ~= ARGV[2] then return -7 end
redis.call("HSET", KEYS[1], "data", ARGV[3])
return 0
