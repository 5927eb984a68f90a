--[[
  Says that a task is to end; whoever runs it hears it with its next step.
    KEYS[1] hash: the task
    ARGV[1] now (ms)
  Output: 1 it will end, 0 it has ended or there is none
]]
if redis.call("HEXISTS", KEYS[1], "kind") == 0 or redis.call("HEXISTS", KEYS[1], "ended") == 1 then return 0 end
redis.call("HSETNX", KEYS[1], "cancel", ARGV[1])
return 1
