--[[
  Sends a canary through each of some queues that gave no sign of life: a job of nobody's, ahead of all others, so that
  "alive" means that work gets through. This script is the lease too: whoever of a queue's workers asks first, adds it.

  Nothing can get through a queue that is paused, or whose limits are used up, and that is no fault: it counts as a sign
  of life. So does what the worker says of itself (a job ended; all its slots are busy). Nor is one sent while a worker
  lives that does not say that it knows canaries: the release before them would bury it as an invalid payload.

    KEYS[1] sorted set: the worker processes that live (statistics/heartbeats.py)
    KEYS[2..7] meta, active, limiter, prioritized, marker, through; and six for each further queue
    ARGV[1] how often, in ms   ARGV[2] for how long to keep when something got through, in ms   ARGV[3] id of a canary
    ARGV[4] key prefix of what each process says of itself
    then for each queue: name, key prefix, most jobs in a window of the limiter, "1" if there was a sign of life
  Output: for each queue what went wrong, "" if nothing
]]
local rcall = redis.call
--@bullmq addStandardJob: addBaseMarkerIfNeeded isQueuePausedOrMaxed
--@bullmq moveToFinished: getRateLimitTTL
local time = rcall("TIME")
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local everyMs, keptMs, canary = tonumber(ARGV[1]), ARGV[2], ARGV[3]

local function aStrangerWorksOn(queue)
  for _, id in ipairs(rcall("ZRANGE", KEYS[1], 0, -1)) do
    local isJson, process = pcall(cjson.decode, rcall("GET", ARGV[4] .. id) or "")
    if isJson and type(process) == "table" and not process["knows_canaries"] and
      type(process["queues"]) == "table" and process["queues"][queue] then
      return true
    end
  end
  return false
end

local function visit(key, argument)
  local meta, active, limiter, prioritized, marker, through = unpack(KEYS, key, key + 5)
  local queue, prefix = ARGV[argument], ARGV[argument + 1]
  local most, lives = tonumber(ARGV[argument + 2]), ARGV[argument + 3] == "1"
  most = tonumber(rcall("HGET", meta, "max")) or most
  if lives or isQueuePausedOrMaxed(meta, active) or getRateLimitTTL(most, limiter) > 0 then
    rcall("SET", through, now, "PX", keptMs)
    -- One that nobody could take any more must not be seen waiting.
    if rcall("ZREM", prioritized, canary) == 1 then rcall("DEL", prefix .. canary) end
    return
  end
  -- A little early rather than an interval late: the next to ask does so an interval after this one.
  local last = tonumber(rcall("GET", through))
  if last and now - last < everyMs * 0.9 then return end
  if rcall("EXISTS", prefix .. canary .. ":lock") == 1 or rcall("ZSCORE", prioritized, canary) then return end
  if aStrangerWorksOn(queue) then
    rcall("SET", through, now, "PX", keptMs)
    return
  end
  rcall("HSET", prefix .. canary, "name", "canary", "data", "{}", "opts", '{"attempts":1}', "timestamp", now,
    "delay", 0, "priority", 1)
  -- Below the scores of all priorities: ahead of every other job, and urgent where there are turns.
  rcall("ZADD", prioritized, 1, canary)
  addBaseMarkerIfNeeded(marker, false)
end

local wrong = {}
for i = 1, (#KEYS - 1) / 6 do
  -- One queue whose keys somebody overwrote must not keep the others from it.
  local went, error = pcall(visit, i * 6 - 4, i * 4 + 1)
  wrong[i] = went and "" or type(error) == "table" and error["err"] or tostring(error)
end
return wrong
