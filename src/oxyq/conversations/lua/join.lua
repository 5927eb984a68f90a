--[[
  A message comes into its chat, or its job comes back; whoever has the chat's turn gets all that waits in it.
    KEYS[1] hash: the conversation   KEYS[2] list: its inbox      KEYS[3] sorted set: messages seen   KEYS[4] list: history
    KEYS[5] sorted set: the organization's conversations          KEYS[6] string: when this person last wrote
    KEYS[7] string: until when nobody of the organization is answered
    ARGV[1] job id      ARGV[2] digest of the message    ARGV[3] the message as JSON    ARGV[4] time in ms
    ARGV[5] contact     ARGV[6] when it was written, in ms
    ARGV[7] prefix of the keys of jobs                   ARGV[8] ms that messages are remembered
    ARGV[9] ms the conversation lives on                 ARGV[10] messages of the history wanted
  Output: {"seen"}    it was answered before
          {"joined"}  another job has the turn, and will answer it too
          {"turn", conversation's fields…, inbox, history, silenced until}
]]
-- In the order they were written: by WhatsApp's clock, which counts seconds, and within one as they came to us. Handlers
-- that run at the same time may come here in any order.
local function insert(new)
  local entries = redis.call("LRANGE", KEYS[2], 0, -1)
  for place = #entries, 1, -1 do
    local entry = cjson.decode(entries[place])
    local second, newSecond = math.floor(entry.at / 1000), math.floor(new.at / 1000)
    if second < newSecond or (second == newSecond and entry.addedAt <= new.addedAt) then
      if place == #entries then break end
      redis.call("LINSERT", KEYS[2], "AFTER", entries[place], ARGV[3])
      return
    elseif place == 1 then
      redis.call("LPUSH", KEYS[2], ARGV[3])
      return
    end
  end
  redis.call("RPUSH", KEYS[2], ARGV[3])
end

local job, digest, now = ARGV[1], ARGV[2], tonumber(ARGV[4])
local isPending = redis.call("HEXISTS", KEYS[1], "in:" .. digest) == 1
local owner = redis.call("HGET", KEYS[1], "owner")
if not isPending then
  if redis.call("ZSCORE", KEYS[3], digest) then
    -- Answered; but its job may still have what came after it to answer.
    if owner ~= job then return {"seen"} end
  else
    local new = cjson.decode(ARGV[3])
    insert(new)
    -- What people are told of the chat, and whom a person's answer goes to.
    redis.call("HSET", KEYS[1], "sender", new.sender)
    if new.name then redis.call("HSET", KEYS[1], "name", new.name) end
    redis.call("ZADD", KEYS[3], now, digest)
    redis.call("ZREMRANGEBYSCORE", KEYS[3], "-inf", now - ARGV[8])
    redis.call("PEXPIRE", KEYS[3], ARGV[8])
    redis.call("HSET", KEYS[1], "in:" .. digest, "1", "lastIn", ARGV[6])
    redis.call("HSETNX", KEYS[1], "first", now)
    redis.call("ZADD", KEYS[5], now, ARGV[5])
    redis.call("ZREMRANGEBYSCORE", KEYS[5], "-inf", now - ARGV[9])
    if tonumber(redis.call("GET", KEYS[6]) or 0) < tonumber(ARGV[6]) then redis.call("SET", KEYS[6], ARGV[6], "PX", ARGV[9]) end
    for key = 1, 5 do
      if key ~= 3 and key ~= 4 then redis.call("PEXPIRE", KEYS[key], ARGV[9]) end
    end
  end
end
if owner and owner ~= job then
  -- A job that has ended, or is gone, answers nobody any more: then whoever comes next takes all that waits.
  local isAlive = redis.call("EXISTS", ARGV[7] .. owner) == 1 and redis.call("HEXISTS", ARGV[7] .. owner, "finishedOn") == 0
  if isAlive then return {"joined"} end
  redis.call("HDEL", KEYS[1], "answer", "tries", "reopened")
  owner = nil
end
if not owner then redis.call("HSET", KEYS[1], "owner", job, "given", 0) end
local history = {}
if tonumber(ARGV[10]) > 0 then history = redis.call("LRANGE", KEYS[4], -ARGV[10], -1) end
return {
  "turn", redis.call("HMGET", KEYS[1], "given", "answer", "silentUntil", "first", "tries", "reopened"),
  redis.call("LRANGE", KEYS[2], 0, 99), history, redis.call("GET", KEYS[7])
}
