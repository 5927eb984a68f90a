--[[
  Takes a job that is active away from whoever runs it: from here on only the new token can end it, its worker's renewal
  tells the worker that the job is lost, and the ledger's fence keeps the worker from sending.
    KEYS[1] active   KEYS[2] job   KEYS[3] its lock
    ARGV[1] job id   ARGV[2] the new token   ARGV[3] ms that it is held: if nobody ends it by then, it counts as stalled
  Output: the job's fields, or nothing when it is not active
]]
if not redis.call("LPOS", KEYS[1], ARGV[1]) or redis.call("EXISTS", KEYS[2]) == 0 then return false end
redis.call("SET", KEYS[3], ARGV[2], "PX", ARGV[3])
return redis.call("HGETALL", KEYS[2])
