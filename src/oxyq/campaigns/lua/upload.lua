--[[
  Stores one piece of the recipients as they are handed in, or says that these were all.
    KEYS[1] hash: the campaign     KEYS[2] hash: its upload
    ARGV[1] token of this upload   ARGV[2] seconds both live on
    ARGV[3] number of the piece    ARGV[4] the piece            or
    ARGV[3] ""                     ARGV[4] fingerprint of everything   ARGV[5] how many rows
  Output: 1 stored; 0 another upload has taken over, or the campaign is filled
]]
local now = redis.call("HMGET", KEYS[1], "upload", "fingerprint")
if now[1] ~= ARGV[1] then return 0 end
if now[2] then return now[2] == ARGV[4] and 1 or 0 end
if ARGV[3] == "" then
  redis.call("HSET", KEYS[1], "fingerprint", ARGV[4], "uploaded", ARGV[5])
else
  redis.call("HSET", KEYS[2], ARGV[3], ARGV[4])
  redis.call("EXPIRE", KEYS[2], ARGV[2])
end
redis.call("EXPIRE", KEYS[1], ARGV[2])
return 1
