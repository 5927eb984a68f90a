--[[
  Ends a batch of jobs and takes the next ones, in one call: what BullMQ does with one call of moveToFinished,
  moveToDelayed or retryJob per job, and one of moveToActive per job taken. It leaves behind the same keys and events
  (tests/integration/engine/test_equivalence.py proves it). What is paid per batch instead of per job: reading meta and the
  limiter, promoting delayed jobs, retention, metrics, trimming events, the marker.

  Only plain jobs: one with a parent, children or a deduplication id is answered with -100 and left untouched, for
  BullMQ's own script to end it.

    KEYS[1] wait         KEYS[2] active       KEYS[3] prioritized    KEYS[4] events     KEYS[5] stalled
    KEYS[6] limiter      KEYS[7] delayed      KEYS[8] meta           KEYS[9] pc         KEYS[10] marker
    KEYS[11] completed   KEYS[12] failed      KEYS[13] metrics:completed                KEYS[14] metrics:failed
    KEYS[15] turns (turns.lua)
    ARGV[1]  key prefix
    ARGV[2]  timestamp in ms
    ARGV[3]  lock time in ms
    ARGV[4]  how many jobs to take
    ARGV[5]  token for the jobs taken
    ARGV[6]  worker name
    ARGV[7]  the worker's limit: jobs, "" for none        ARGV[8]  ... per ms
    ARGV[9]  most data points of metrics
    ARGV[10] how many endings follow, six arguments each:
      kind   c completed | f failed for good | d delayed, counting the attempt | l delayed, not counting it |
             r retried at once | R the same, to the front (lifo) | x a canary that came through
      id, token
      c, f: return value or reason;  d, l: delay in ms;  r: "";  x: the key that tells when
      c, f: jobs to keep as "count:age in s:attempts", each "" for no limit;  x: ms to keep that key;  else ""
      job fields to update, packed, "" for none
    Then, only for fair turns:
      the field of the data whose values have turns
      the lowest score of jobs that are not urgent: the queue's own priority, as BullMQ scores it
      "1" to take sorted jobs although others are not sorted yet, "" to sort these first
      value and weight of each that has one other than 1
  Output: {codes of the endings, jobs taken {id, {field, value, ...}, ...}, ms until the limiter opens,
           ms timestamp of the next delayed job, ids in active that are no jobs {id, type, ...},
           1 if jobs wait to be sorted into turns, so that it is worth asking again at once, else 0}
    code 0 OK, -1 no such job, -2 no lock, -3 not active, -6 somebody else's lock, -100 not for this script,
         -101 the job's key holds something that is no job (the id is taken out of active)
    The fields of a job taken are as before it was taken: processedOn, ats and pb are set after they were read.
]]
local rcall, rpcall = redis.call, redis.pcall
local waitKey, activeKey, prioritizedKey, eventsKey, stalledKey = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local limiterKey, delayedKey, metaKey, pcKey, markerKey = KEYS[6], KEYS[7], KEYS[8], KEYS[9], KEYS[10]
local turnsKey = KEYS[15]
local prefix, timestamp, lockMs, wanted, token = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5]
--@bullmq moveToFinished: batches getNextDelayedTimestamp getRateLimitTTL addBaseMarkerIfNeeded updateJobFields

-- BullMQ's way to remove a job, for one with a parent. What is rarely needed is defined where it is needed: making a
-- function costs Lua as much as calling one, and a script makes all of its functions anew each time it runs.
local function removeChild(id)
--@bullmq moveToFinished: addJobInTargetList getPriorityScore addJobWithPriority isQueuePausedOrMaxed
--@bullmq moveToFinished: addDelayMarkerIfNeeded removeJobKeys getJobIdFromKey getJobKeyPrefix _moveParentToWait
--@bullmq moveToFinished: removeParentDependencyKey removeJob
  removeJob(id, false, prefix, false)
end

-- Retention, for jobs without a parent in few calls.
local function removeOld(ids)
  local keys = {}
  for _, id in ipairs(ids) do
    local key = prefix .. id
    -- What names no parent stops BullMQ's script; it is removed as one without.
    if rcall("HEXISTS", key, "parentKey") ~= 1 or not pcall(removeChild, id) then
      local n = #keys
      keys[n + 1], keys[n + 2], keys[n + 3] = key, key .. ":logs", key .. ":dependencies"
      keys[n + 4], keys[n + 5], keys[n + 6] = key .. ":processed", key .. ":failed", key .. ":unsuccessful"
    end
  end
  for from, to in batches(#keys, 6000) do rcall("DEL", unpack(keys, from, to)) end
end

local function keepOnly(set, count, age)
  if age then
    local start = timestamp - age * 1000
    local old = rcall("ZREVRANGEBYSCORE", set, start, "-inf", "LIMIT", 0, 1000)
    if #old > 0 then
      removeOld(old)
      for from, to in batches(#old, 7000) do rcall("ZREM", set, unpack(old, from, to)) end
    end
  end
  if count and count > 0 then
    local beyond = rcall("ZREVRANGE", set, count, -1)
    if #beyond > 0 then
      removeOld(beyond)
      rcall("ZREMRANGEBYRANK", set, 0, -(count + 1))
    end
  end
end

local meta = rcall("HMGET", metaKey, "paused", "concurrency", "max", "duration", "opts.maxLenEvents")
local maxEvents = meta[5] or 10000

-- How many more jobs may be active: the queue may be paused, or have a limit for all workers together.
local function room()
  if meta[1] then return 0 end
  return meta[2] and tonumber(meta[2]) - rcall("LLEN", activeKey) or math.huge
end

local CANARY = "oxyq-canary" -- CANARY_ID in keys.py

local codes, unlocked, unstalled = {}, {}, {}
local jobs, foreign, limitedMs, nextAt = {}, {}, 0, 0

-- Something else overwrote this id's key: out of the way with it, and tell.
local function expel(id)
  rcall("LREM", activeKey, 1, id)
  rcall("SREM", stalledKey, id)
  rcall("DEL", prefix .. id .. ":lock")
  foreign[#foreign + 1] = id
  foreign[#foreign + 1] = rcall("TYPE", prefix .. id)["ok"]
end

-- BullMQ's own promotion takes all due ids off the set and then stops at the first that is no job, losing the rest.
local function promote(isBlocked)
  local due = rcall("ZRANGEBYSCORE", delayedKey, 0, (timestamp + 1) * 0x1000 - 1, "LIMIT", 0, 1000)
  if #due == 0 then return end
  for _, id in ipairs(due) do
    local kind = rcall("TYPE", prefix .. id)["ok"]
    if kind ~= "hash" and kind ~= "none" then
      rcall("ZREM", delayedKey, id)
      expel(id)
    end
  end
--@bullmq moveToFinished: getPriorityScore promoteDelayedJobs
  promoteDelayedJobs(delayedKey, markerKey, waitKey, prioritizedKey, eventsKey, prefix, timestamp, pcKey, isBlocked)
end
local lastFinished = false

-- BullMQ trims its events before each job that finishes; here the first event of a call does it along the way.
local trimmed = false

-- Jobs that finished under the same retention rule are added, and the rule applied, together.
local finished = {}
local function rest(set, metrics)
  return {set = set, metrics = metrics, count = 0, members = {}, rule = nil}
end
finished.c, finished.f = rest(KEYS[11], KEYS[13]), rest(KEYS[12], KEYS[14])

local function store(kind)
  local of = finished[kind]
  if #of.members == 0 then return end
  rcall("ZADD", of.set, unpack(of.members))
  local count, age = string.match(of.rule, "^(%-?%d*):(%d*)")
  keepOnly(of.set, tonumber(count), tonumber(age))
  of.members = {}
end

-- Metrics: BullMQ counts job by job, and the first of a new minute closes the one before.
local function count(metricsKey, many)
  local since = rcall("HGET", metricsKey, "prevTS")
  if not since or math.floor(since / 60000) ~= math.floor(timestamp / 60000) then
--@bullmq moveToFinished: collectMetrics
    collectMetrics(metricsKey, metricsKey .. ":data", ARGV[9], timestamp)
    many = many - 1
  end
  if many > 0 then rcall("HINCRBY", metricsKey, "count", many) end
end

local function finish(kind, key, id, value, rule, made)
  local of, name = finished[kind], kind == "c" and "returnvalue" or "failedReason"
  of.count = of.count + 1
  if string.sub(rule, 1, 2) == "0:" then
--@bullmq moveToFinished: removeJobKeys
    removeJobKeys(key)
  else
    rcall("HSET", key, "atm", made, name, value, "finishedOn", timestamp)
    if kind == "f" then rcall("HDEL", key, "defa") end
    if of.rule ~= rule then store(kind) end
    of.rule = rule
    of.members[#of.members + 1] = timestamp
    of.members[#of.members + 1] = id
  end
  local event = kind == "c" and "completed" or "failed"
  if trimmed then
    rcall("XADD", eventsKey, "*", "event", event, "jobId", id, name, value, "prev", "active")
  else
    trimmed = true
    rcall("XADD", eventsKey, "MAXLEN", "~", maxEvents, "*", "event", event, "jobId", id, name, value, "prev", "active")
  end
  if kind == "f" and tonumber(made) >= (tonumber(string.match(rule, ":(%d*)$")) or 1) then
    rcall("XADD", eventsKey, "*", "event", "retries-exhausted", "jobId", id, "attemptsMade", made)
  end
end

local function delay(key, id, pause, counts)
--@bullmq moveToFinished: getDelayedScore addDelayMarkerIfNeeded
  local score, due = getDelayedScore(delayedKey, timestamp, tonumber(pause))
  if counts then rcall("HINCRBY", key, "atm", 1) end
  rcall("HSET", key, "delay", pause)
  rcall("ZADD", delayedKey, score, id)
  rcall("XADD", eventsKey, "MAXLEN", "~", maxEvents, "*", "event", "delayed", "jobId", id, "delay", due)
  addDelayMarkerIfNeeded(markerKey, delayedKey)
end

local function retry(key, id, push)
--@bullmq moveToFinished: addJobInTargetList getPriorityScore addJobWithPriority
  local priority = tonumber(rcall("HGET", key, "priority")) or 0
  local blocked = room() <= 0
  if priority == 0 then
    addJobInTargetList(waitKey, markerKey, push, blocked, id)
  else
    addJobWithPriority(markerKey, prioritizedKey, priority, id, pcKey, blocked)
  end
  rcall("HINCRBY", key, "atm", 1)
  rcall("XADD", eventsKey, "MAXLEN", "~", maxEvents, "*", "event", "waiting", "jobId", id, "prev", "active")
end

local endings = tonumber(ARGV[10])
if endings > 0 then
  if not meta[5] then rcall("HSET", metaKey, "opts.maxLenEvents", maxEvents) end
  -- Everything about the batch that can be asked at once.
  local keys, locks, children = {}, {}, {stalledKey}
  for i = 1, endings do
    local key = prefix .. ARGV[6 + i * 6]
    keys[i], locks[i] = key, key .. ":lock"
    children[i * 2], children[i * 2 + 1] = key .. ":dependencies", key .. ":unsuccessful"
  end
  local tokens = rcall("MGET", unpack(locks))
  -- Nearly always nobody is suspected of having stalled and nobody has children: one question for both.
  local someExist = rcall("EXISTS", unpack(children)) > 0
  local someHaveChildren = someExist and rcall("EXISTS", unpack(children, 2)) > 0
  local promoted = false
  for i = 1, endings do
    local at = 5 + i * 6
    local kind, id, value = ARGV[at], ARGV[at + 1], ARGV[at + 3]
    local key = keys[i]
    local retrying = kind == "r" or kind == "R"
    if retrying and not promoted then
      promoted = true
      promote(room() <= 0)
    end
    -- The one command that may fail for a single job (its key overwritten): it must not cut off the rest of the batch.
    local known = rpcall("HMGET", key, "atm", "parentKey", "deid", "timestamp")
    local code = 0
    if known["err"] then
      code = -101
      expel(id)
    elseif not known[4] and rcall("EXISTS", key) == 0 then
      code = -1
    elseif known[2] or known[3] or
      (someHaveChildren and rcall("EXISTS", children[i * 2], children[i * 2 + 1]) > 0) then
      code = -100
    elseif not tokens[i] then
      code = -2
    elseif tokens[i] ~= ARGV[at + 2] then
      code = -6
    else
      unlocked[#unlocked + 1], unstalled[#unstalled + 1] = locks[i], id
      updateJobFields(key, ARGV[at + 5])
      if rcall("LREM", activeKey, -1, id) < 1 then
        code = -3
      elseif kind == "c" or kind == "f" then
        -- "1" and not 1: a number of Lua's is printed as a fraction for Redis, which takes as long as storing it.
        finish(kind, key, id, value, ARGV[at + 4], known[1] and (tonumber(known[1]) or 0) + 1 or "1")
        lastFinished = true
      elseif retrying then
        retry(key, id, kind == "R" and "RPUSH" or "LPUSH")
        lastFinished = false
      elseif kind == "x" then
        -- It leaves the time behind, by the clock that all look at, and nothing else.
        local time = rcall("TIME")
        rcall("DEL", key)
        rcall("ZREM", KEYS[12], id) -- a worker in Node may have failed one of before
        rcall("SET", value, time[1] * 1000 + math.floor(time[2] / 1000), "PX", ARGV[at + 4])
      else
        delay(key, id, value, kind == "d")
        lastFinished, promoted = false, false
      end
    end
    codes[i] = code
  end
  if #unlocked > 0 then
    rcall("DEL", unpack(unlocked))
    if someExist then rcall("SREM", stalledKey, unpack(unstalled)) end
  end
  for kind, of in pairs(finished) do
    store(kind)
    if of.count > 0 then count(of.metrics, of.count) end
  end
end

-- Takes up to n ids off the queue into active, as BullMQ orders them: wait first, then by priority.
local function take(n)
  local ids = rcall("RPOP", waitKey, n) or {}
  for i = #ids, 1, -1 do
    if string.sub(ids[i], 1, 2) == "0:" then table.remove(ids, i) end -- a marker of BullMQ 4
  end
  if #ids < n then
    local popped = rcall("ZPOPMIN", prioritizedKey, n - #ids)
    for i = 1, #popped, 2 do ids[#ids + 1] = popped[i] end
    if #ids < n then rcall("DEL", pcKey, turnsKey) end -- none left: BullMQ starts counting anew, and so do turns
  end
  if #ids > 0 then rcall("LPUSH", activeKey, unpack(ids)) end
  return ids
end

local function start(id)
  local key = prefix .. id
  local fields = rpcall("HGETALL", key)
  if fields["err"] then
    expel(id)
    return false
  end
  local started, deferred = "1", false
  for i = 1, #fields, 2 do
    local field = fields[i]
    if field == "ats" then
      if #fields[i + 1] < 10 then started = (tonumber(fields[i + 1]) or 0) + 1 end
    elseif field == "defa" then
      deferred = true
    elseif (field == "atm" or field == "stc") and (#fields[i + 1] > 9 or string.find(fields[i + 1], "%D")) then
      rcall("HSET", key, field, 0) -- what is no number stops every script that counts on
    end
  end
  rcall("SET", key .. ":lock", token, "PX", lockMs)
  if id ~= CANARY then rcall("XADD", eventsKey, "*", "event", "active", "jobId", id, "prev", "waiting") end
  rcall("HSET", key, "processedOn", timestamp, "pb", ARGV[6], "ats", started)
  jobs[#jobs + 1] = id
  jobs[#jobs + 1] = fields
  return not deferred and id ~= CANARY
end

local isBlocked, areUnsorted, isEmpty = false, false, false
if wanted > 0 then
  local free = room()
  isBlocked = free <= 0
  promote(isBlocked)
  local most = tonumber(meta[3] or ARGV[7])
  local windowMs = tonumber(ARGV[8]) or tonumber(meta[4])
  limitedMs = getRateLimitTTL(most, limiterKey)
  wanted = limitedMs == 0 and math.min(wanted, free) or 0
  local by = 11 + endings * 6
  if ARGV[by] and wanted > 0 then
--@oxyq turns
    local own, hurry, weights, from, to = ARGV[by + 1], ARGV[by + 2] == "1", {}, nil, nil
    for i = by + 3, #ARGV, 2 do weights[ARGV[i]] = tonumber(ARGV[i + 1]) end
    areUnsorted, from, to = sortIntoTurns(ARGV[by], own, weights)
    if areUnsorted then
      take = function(n) return takeWhileSorting(n, own, hurry and from, to) end
    end
  end
  while wanted > 0 do
    local now = wanted
    if most then
      limitedMs = getRateLimitTTL(most, limiterKey)
      if limitedMs > 0 then break end
      now = math.max(math.min(now, most - (tonumber(rcall("GET", limiterKey)) or 0)), 1)
    end
    local ids, counted = take(now), 0
    for _, id in ipairs(ids) do
      if start(id) then counted = counted + 1 end
    end
    if most and counted > 0 and rcall("INCRBY", limiterKey, counted) == counted then
      rcall("PEXPIRE", limiterKey, math.floor(math.abs(windowMs)))
    end
    wanted = wanted - #ids
    -- It takes no place: whoever has room for one job gets that too.
    if ids[1] == CANARY then wanted = wanted + 1 end
    if #ids < now then
      isEmpty = true
      nextAt = getNextDelayedTimestamp(delayedKey) or 0
      break
    end
  end
  -- BullMQ leaves a marker for the next worker whenever a job is taken. Alone in its queue, a canary needs none.
  local wasOnlyCanary = isEmpty and #jobs == 2 and jobs[1] == CANARY
  if #jobs > 0 and not wasOnlyCanary or areUnsorted then addBaseMarkerIfNeeded(markerKey, false) end
end

if lastFinished and #jobs == 0 and not isBlocked and limitedMs == 0 and nextAt == 0 and
  rcall("EXISTS", waitKey, activeKey, prioritizedKey) == 0 then
  rcall("XADD", eventsKey, "*", "event", "drained")
end
return {codes, jobs, limitedMs, nextAt, foreign, areUnsorted and 1 or 0}
