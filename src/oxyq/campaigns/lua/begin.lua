--[[
  Makes a campaign, to be filled with recipients; one that is not filled yet is made anew.
    KEYS[1] hash: the campaign     KEYS[2] sorted set: the organization's campaigns     KEYS[3] hash: its upload
    ARGV[1] campaign id   ARGV[2] time in ms   ARGV[3] seconds all live on   ARGV[4] token of this upload
    ARGV[5] ... its fields and their values
  Output: "" made, or the fingerprint of the one that is there already
]]
local there = redis.call("HGET", KEYS[1], "fingerprint")
if there then return there end
redis.call("DEL", KEYS[1], KEYS[3])
redis.call("HSET", KEYS[1], "state", "draft", "createdAt", ARGV[2], "upload", ARGV[4], unpack(ARGV, 5))
redis.call("EXPIRE", KEYS[1], ARGV[3])
redis.call("ZADD", KEYS[2], ARGV[2], ARGV[1])
redis.call("ZREMRANGEBYSCORE", KEYS[2], "-inf", ARGV[2] - ARGV[3] * 1000)
redis.call("EXPIRE", KEYS[2], ARGV[3])
return ""
