--[[
  Puts jobs whose worker is gone back to wait, after taking out of active what is no job: BullMQ's script takes such an
  id off the list and then stops with WRONGTYPE, so that the id and the jobs behind it are forgotten.
    KEYS[1..9] and ARGV[1..4] as of moveStalledJobsToWait
  Output: {ids put back}, {id, type of what was taken out, ...}, how many are active, 1 if jobs are ready to run,
    when the first delayed job is due (ms, 0 for none)
]]
local function recover(KEYS, ARGV)
--@bullmq moveStalledJobsToWait
end
local foreign = {}
if redis.call("EXISTS", KEYS[4]) == 0 then
  for _, id in ipairs(redis.call("LRANGE", KEYS[3], 0, -1)) do
    local kind = redis.call("TYPE", ARGV[2] .. id)["ok"]
    if kind ~= "hash" and kind ~= "none" then
      redis.call("LREM", KEYS[3], 0, id)
      redis.call("SREM", KEYS[1], id)
      redis.call("DEL", ARGV[2] .. id .. ":lock")
      foreign[#foreign + 1] = id
      foreign[#foreign + 1] = kind
    end
  end
end
local recovered = recover(KEYS, ARGV)
local ready = redis.call("EXISTS", KEYS[2], ARGV[2] .. "prioritized") > 0 and 1 or 0
local first = redis.call("ZRANGE", ARGV[2] .. "delayed", 0, 0, "WITHSCORES")
local due = first[2] and tonumber(first[2]) / 0x1000 or 0 -- BullMQ keeps a counter in the lowest 12 bits
return {recovered, foreign, redis.call("LLEN", KEYS[3]), ready, due}
