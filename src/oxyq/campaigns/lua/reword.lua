--[[
  Lets a draft that has its recipients say something else to them.
    KEYS[1] hash: the campaign
    ARGV[1] its fingerprint, as the caller knows it     ARGV[2] ... and from now on     ARGV[3] seconds it lives on
    ARGV[4] ... its fields and their values
  Output: 1 done, 0 it is no draft any more, or another one
]]
local now = redis.call("HMGET", KEYS[1], "state", "fingerprint")
if now[1] ~= "draft" or now[2] ~= ARGV[1] then return 0 end
redis.call("HDEL", KEYS[1], "variables", "instanceId", "startAt", "metaTemplate")
redis.call("HSET", KEYS[1], "fingerprint", ARGV[2], unpack(ARGV, 4))
redis.call("EXPIRE", KEYS[1], ARGV[3])
return 1
