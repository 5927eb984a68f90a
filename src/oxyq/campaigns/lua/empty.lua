--[[
  Takes the recipients of a draft away.
    KEYS[1] hash: the campaign     KEYS[2] hash: its upload
  Output: 1 they are gone, or were never there; 0 it is no draft
]]
if redis.call("HGET", KEYS[1], "state") ~= "draft" then return 0 end
redis.call("HDEL", KEYS[1], "fingerprint", "uploaded", "upload")
redis.call("UNLINK", KEYS[2])
return 1
