--[[
  Claims a message for one run of its job, before anything goes out.
    KEYS[1]  hash: the ledger's entry of this message
    KEYS[2]  the lock of the job that sends it
    ARGV[1]  the lock's token that this run was given: the fence. Whoever lost the lock may not send.
    ARGV[2]  time in ms
    ARGV[3]  ms the entry lives on
    ARGV[4]  what to do when an earlier run may have sent it: never | once | same
  Output: {"send"}         claimed, and nothing went out before
          {"again"}        claimed, though it may have gone out before
          {"sent", id}     it went out before, under this id
          {"unconfirmed"}  it may have gone out before, and is not sent again
          {"fenced"}       the job is not this run's any more
]]
if redis.call("GET", KEYS[2]) ~= ARGV[1] then return {"fenced"} end
local before = redis.call("HMGET", KEYS[1], "state", "provider", "repeated")
local state, answer = before[1], "send"
if state == "sent" or state == "delivered" or state == "read" then return {"sent", before[2] or ""} end
-- A run that claimed it and never said how it went: it died, was cut off, or heard nothing.
if state == "sending" or state == "unconfirmed" then
  if ARGV[4] == "never" or (ARGV[4] == "once" and before[3]) then
    redis.call("HSET", KEYS[1], "state", "unconfirmed", "at", ARGV[2])
    redis.call("PEXPIRE", KEYS[1], ARGV[3])
    return {"unconfirmed"}
  end
  answer = "again"
  redis.call("HSET", KEYS[1], "repeated", ARGV[2])
end
redis.call("HSET", KEYS[1], "state", "sending", "at", ARGV[2], "run", ARGV[1])
redis.call("PEXPIRE", KEYS[1], ARGV[3])
return {answer}
