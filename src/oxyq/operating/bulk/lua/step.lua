--[[
  One step of who runs a task: items that were found, or were dealt with; renews the lease. Refused when it is lost.
    KEYS[1] string: the lease   KEYS[2] hash: the task   KEYS[3] list: its items
    ARGV[1] token   ARGV[2] ms of the lease from now on, 0 gives it up   ARGV[3] now (ms)   ARGV[4] seconds it lives
    ARGV[5] state, "" as it is   ARGV[6] items to take off the head of the list, -1 all
    ARGV[7] done   ARGV[8] skipped   ARGV[9] failed   ARGV[10] problem, "" for none
    ARGV[11] LPUSH or RPUSH   ARGV[12...] items to put before the head, or behind the last
  Output: -1 the lease is lost, 1 somebody wants the task to end, else 0
]]
if redis.call("GET", KEYS[1]) ~= ARGV[1] then return -1 end
redis.call("PEXPIRE", KEYS[1], ARGV[2])
local task = KEYS[2]
if ARGV[5] ~= "" and redis.call("HGET", task, "state") ~= ARGV[5] then
  redis.call("HSET", task, "state", ARGV[5])
  if ARGV[5] == "collecting" then redis.call("HSET", task, "total", 0) end
  if ARGV[5] == "running" then redis.call("HSETNX", task, "started", ARGV[3]) end
end
if ARGV[6] == "-1" then redis.call("UNLINK", KEYS[3]) end
if tonumber(ARGV[6]) > 0 then
  redis.call("LTRIM", KEYS[3], ARGV[6], -1)
  redis.call("HINCRBY", task, "done", ARGV[7])
  redis.call("HINCRBY", task, "skipped", ARGV[8])
  redis.call("HINCRBY", task, "failed", ARGV[9])
  redis.call("HSET", task, "progressed", ARGV[3])
end
if ARGV[10] ~= "" then redis.call("HSET", task, "problem", ARGV[10]) end
if #ARGV > 11 then
  redis.call(ARGV[11], KEYS[3], unpack(ARGV, 12))
  redis.call("HINCRBY", task, "total", #ARGV - 11)
end
redis.call("EXPIRE", KEYS[3], ARGV[4])
redis.call("EXPIRE", task, ARGV[4])
return redis.call("HEXISTS", task, "cancel")
