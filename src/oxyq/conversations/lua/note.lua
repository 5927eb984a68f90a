--[[
  Something of ours went out beside the chat's turns, such as a reminder: it stands in the history, once.
    KEYS[1] list: history   KEYS[2] sorted set: messages seen
    ARGV[1] the line   ARGV[2] what it is known by   ARGV[3] time in ms   ARGV[4] ms that it is remembered
    ARGV[5] most lines of history   ARGV[6] ms it lives on
  Output: 1, or 0 when the line was there already
]]
if redis.call("ZADD", KEYS[2], "NX", ARGV[3], ARGV[2]) == 0 then return 0 end
redis.call("PEXPIRE", KEYS[2], ARGV[4])
redis.call("RPUSH", KEYS[1], ARGV[1])
redis.call("LTRIM", KEYS[1], -ARGV[5], -1)
redis.call("PEXPIRE", KEYS[1], ARGV[6])
return 1
