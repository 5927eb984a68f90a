--[[
  Ends a turn: what was answered leaves the inbox for the history.
    KEYS[1] hash: the conversation   KEYS[2] list: its inbox   KEYS[3] list: history   KEYS[4] the lock of the job
    ARGV[1] job id   ARGV[2] the lock's token   ARGV[3] time in ms
    ARGV[4] most lines of history    ARGV[5] ms it lives on    ARGV[6] until when we are silent then, "" as it was
    ARGV[7] 1: a person is waited for from now on, 0: as it was
    ARGV[8] ms after which a person who is still waited for is asked again
    ARGV[9…] digests of the messages, "", lines for the history
  Output: {messages that wait for the next turn, -1 when the turn is not this job's any more;
           1 when a person is to be told that somebody waits}
]]
if redis.call("GET", KEYS[4]) ~= ARGV[2] or redis.call("HGET", KEYS[1], "owner") ~= ARGV[1] then return {-1, 0} end
local line, isAnswered = 9, {}
while ARGV[line] ~= "" do
  isAnswered[ARGV[line]] = true
  redis.call("HDEL", KEYS[1], "in:" .. ARGV[line])
  line = line + 1
end
for _, entry in ipairs(redis.call("LRANGE", KEYS[2], 0, -1)) do
  if isAnswered[cjson.decode(entry).digest] then redis.call("LREM", KEYS[2], 1, entry) end
end
local most = tonumber(ARGV[4])
for number = line + 1, #ARGV do
  if most > 0 then redis.call("RPUSH", KEYS[3], ARGV[number]) end
end
if most > 0 then
  redis.call("LTRIM", KEYS[3], -most, -1)
  redis.call("PEXPIRE", KEYS[3], ARGV[5])
end
redis.call("HDEL", KEYS[1], "answer", "tries", "reopened", "first")
redis.call("HINCRBY", KEYS[1], "given", 1)
if ARGV[6] ~= "" then redis.call("HSET", KEYS[1], "silentUntil", ARGV[6]) end
local isNew = 0
if ARGV[7] == "1" then
  redis.call("HSETNX", KEYS[1], "waitsSince", ARGV[3])
  -- Once for all that is written in a while; whoever did not come then is told again.
  local told = tonumber(redis.call("HGET", KEYS[1], "toldAt") or 0)
  if told + ARGV[8] <= tonumber(ARGV[3]) then
    redis.call("HSET", KEYS[1], "toldAt", ARGV[3])
    isNew = 1
  end
end
local left = redis.call("LLEN", KEYS[2])
if left == 0 then
  redis.call("HDEL", KEYS[1], "owner", "given")
else
  redis.call("HSET", KEYS[1], "first", ARGV[3])
end
return {left, isNew}
