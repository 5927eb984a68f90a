--[[
  Makes jobs that were read elsewhere, each where it stood. One whose id is here already is left as it is.
    KEYS[1] wait    KEYS[2] prioritized   KEYS[3] delayed   KEYS[4] completed   KEYS[5] failed
    KEYS[6] waiting-children              KEYS[7] marker    KEYS[8] meta        KEYS[9] active
    ARGV[1] key prefix
    ARGV[2] ... for each job: id, number of its place in KEYS, score there, how many arguments follow, fields and values
  Output: how many were made
]]
local rcall = redis.call
local WAIT, PRIORITIZED, DELAYED = 1, 2, 3
--@bullmq addDelayedJob: getNextDelayedTimestamp addDelayMarkerIfNeeded
--@bullmq addStandardJob: addBaseMarkerIfNeeded isQueuePausedOrMaxed

local made, isReady, isDelayed, at = 0, false, false, 2
while at <= #ARGV do
  local id, place, score, count = ARGV[at], tonumber(ARGV[at + 1]), ARGV[at + 2], tonumber(ARGV[at + 3])
  local key = ARGV[1] .. id
  if rcall("EXISTS", key) == 0 then
    made = made + 1
    rcall("HSET", key, unpack(ARGV, at + 4, at + 3 + count))
    if place == WAIT then rcall("LPUSH", KEYS[WAIT], id) else rcall("ZADD", KEYS[place], score, id) end
    isReady = isReady or place == WAIT or place == PRIORITIZED
    isDelayed = isDelayed or place == DELAYED
  end
  at = at + 4 + count
end
if isReady then addBaseMarkerIfNeeded(KEYS[7], isQueuePausedOrMaxed(KEYS[8], KEYS[9])) end
if isDelayed then addDelayMarkerIfNeeded(KEYS[7], KEYS[DELAYED]) end
return made
