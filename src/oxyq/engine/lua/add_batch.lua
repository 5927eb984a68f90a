--[[
  Adds a batch of jobs in one call: what addStandardJob, addDelayedJob and addPrioritizedJob leave behind when called
  for each (tests/integration/engine/test_equivalence_of_adding.py proves it). Jobs with parents or deduplication
  options are not for this script. An id that is in the queue already is reported and left as it is; with a fingerprint
  also one that was taken before, by a job that is long done and removed.
    KEYS[1] wait      KEYS[2] meta     KEYS[3] id       KEYS[4] prioritized   KEYS[5] delayed
    KEYS[6] active    KEYS[7] events   KEYS[8] pc       KEYS[9] marker
    ARGV[1] key prefix
    ARGV[2] key prefix of the ids that are remembered
    ARGV[3] how many jobs follow, eleven arguments each:
      id, name, data, options as JSON, timestamp, delay in ms, priority, "LPUSH" or "RPUSH" (lifo),
      fingerprint of the body ("" : do not remember the id), how long to remember it in ms,
      key of the quota that a new job is taken from ("" : none)
  Output, for each job: 0 added, 1 the same was added before, 2 the id was taken by another body, 3 the id is in the
    queue, below 0 not added since the quota is used up, for so many ms; or the data of a job with this id that was
    added without being remembered
]]
local rcall = redis.call
local waitKey, metaKey, idKey, prioritizedKey, delayedKey = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local activeKey, eventsKey, pcKey, markerKey = KEYS[6], KEYS[7], KEYS[8], KEYS[9]
local prefix, acceptedPrefix, count = ARGV[1], ARGV[2], tonumber(ARGV[3])
--@bullmq addDelayedJob: getNextDelayedTimestamp addDelayMarkerIfNeeded getDelayedScore getOrSetMaxEvents
--@bullmq addStandardJob: addBaseMarkerIfNeeded isQueuePausedOrMaxed

local maxEvents = getOrSetMaxEvents(metaKey)
local counted, ready, now = 0, false, nil
local left, right, prioritized, answers, taken = {}, {}, {}, {}, {}

local function remembered(at, id)
  local fingerprint = ARGV[at + 8]
  if fingerprint == "" then return nil end
  local before = taken[id] or rcall("GET", acceptedPrefix .. id)
  if before then return before == fingerprint and 1 or 2 end
  return nil
end

local function store(at, id, key)
  local timestamp, delay, priority = ARGV[at + 4], tonumber(ARGV[at + 5]), tonumber(ARGV[at + 6])
  rcall("HSET", key, "name", ARGV[at + 1], "data", ARGV[at + 2], "opts", ARGV[at + 3], "timestamp", timestamp,
    "delay", ARGV[at + 5], "priority", ARGV[at + 6])
  rcall("XADD", eventsKey, "*", "event", "added", "jobId", id, "name", ARGV[at + 1])
  if delay > 0 then
    local score, due = getDelayedScore(delayedKey, timestamp, delay)
    rcall("ZADD", delayedKey, score, id)
    rcall("XADD", eventsKey, "MAXLEN", "~", maxEvents, "*", "event", "delayed", "jobId", id, "delay", due)
    addDelayMarkerIfNeeded(markerKey, delayedKey)
    return
  end
  ready = true
  if priority > 0 then
    prioritized[#prioritized + 1] = {priority, id}
  else
    local list = ARGV[at + 7] == "RPUSH" and right or left
    list[#list + 1] = id
  end
  rcall("XADD", eventsKey, "MAXLEN", "~", maxEvents, "*", "event", "waiting", "jobId", id)
end

-- A quota is a hash: `max` jobs at once, and as many again spread evenly over `ms`; `left` of them at the time `at`.
local function take(quotaKey)
  -- What is no quota is none: an error here would leave the batch half added.
  local quota = redis.pcall("HMGET", quotaKey, "max", "ms", "left", "at")
  local max, ms = tonumber(quota[1]), tonumber(quota[2])
  if not max or not ms or max < 1 then return 0 end
  if not now then
    local time = rcall("TIME")
    now = time[1] * 1000 + math.floor(time[2] / 1000)
  end
  local since = math.max(now - (tonumber(quota[4]) or now), 0)
  local left = math.min((tonumber(quota[3]) or max) + since * max / ms, max)
  if left < 1 then return math.ceil((1 - left) * ms / max) end
  rcall("HSET", quotaKey, "left", string.format("%.6f", left - 1), "at", string.format("%.0f", now))
  return 0
end

for i = 1, count do
  local at = i * 11 - 7
  local id = ARGV[at]
  local key = prefix .. id
  local answer = remembered(at, id)
  if not answer then
    if rcall("EXISTS", key) == 1 then
      if ARGV[at + 8] ~= "" then
        answer = rcall("HGET", key, "data") or ""
      else
        counted = counted + 1
        rcall("XADD", eventsKey, "MAXLEN", "~", maxEvents, "*", "event", "duplicated", "jobId", id)
        answer = 3
      end
    else
      answer = ARGV[at + 10] == "" and 0 or -take(ARGV[at + 10])
      if answer == 0 then
        counted = counted + 1
        store(at, id, key)
        if ARGV[at + 8] ~= "" then
          taken[id] = ARGV[at + 8]
          rcall("SET", acceptedPrefix .. id, ARGV[at + 8], "PX", ARGV[at + 9])
        end
      end
    end
  end
  answers[i] = answer
end

if counted > 0 then rcall("INCRBY", idKey, counted) end
if #left > 0 then rcall("LPUSH", waitKey, unpack(left)) end
if #right > 0 then rcall("RPUSH", waitKey, unpack(right)) end
if #prioritized > 0 then
  local counter = rcall("INCRBY", pcKey, #prioritized) - #prioritized
  local scores = {}
  for i, job in ipairs(prioritized) do
    scores[i * 2 - 1], scores[i * 2] = job[1] * 0x100000000 + (counter + i) % 0x100000000, job[2]
  end
  rcall("ZADD", prioritizedKey, unpack(scores))
end
if ready then addBaseMarkerIfNeeded(markerKey, isQueuePausedOrMaxed(metaKey, activeKey)) end
return answers
