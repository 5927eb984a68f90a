--[[
  A person speaks in a chat, or takes it over: we are silent until they have been for a while.
    KEYS[1] hash: the conversation   KEYS[2] list: history   KEYS[3] sorted set: the organization's conversations
    KEYS[4] sorted set: messages seen
    ARGV[1] until when we are silent, in ms   ARGV[2] time in ms   ARGV[3] contact   ARGV[4] ms the conversation lives on
    ARGV[5] most lines of history   ARGV[6] ms it lives on   ARGV[7] a line for the history, "" for none
    ARGV[8] what the line is known by, so that it is heard once   ARGV[9] ms that it is remembered
  Output: 1, or 0 when the line was there already
]]
if ARGV[8] ~= "" then
  if redis.call("ZADD", KEYS[4], "NX", ARGV[2], ARGV[8]) == 0 then return 0 end
  redis.call("PEXPIRE", KEYS[4], ARGV[9])
end
-- What is heard late of an earlier line does not end the silence that a later one began.
local silent = tonumber(redis.call("HGET", KEYS[1], "silentUntil") or 0)
if silent < tonumber(ARGV[1]) then redis.call("HSET", KEYS[1], "silentUntil", ARGV[1]) end
redis.call("HDEL", KEYS[1], "waitsSince", "toldAt")
redis.call("ZADD", KEYS[3], ARGV[2], ARGV[3])
redis.call("PEXPIRE", KEYS[1], ARGV[4])
redis.call("PEXPIRE", KEYS[3], ARGV[4])
if ARGV[7] ~= "" and tonumber(ARGV[5]) > 0 then
  redis.call("RPUSH", KEYS[2], ARGV[7])
  redis.call("LTRIM", KEYS[2], -ARGV[5], -1)
  redis.call("PEXPIRE", KEYS[2], ARGV[6])
end
return 1
