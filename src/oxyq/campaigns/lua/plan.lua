--[[
  Writes down one planned piece of an upload and forgets the upload's, once.
    KEYS[1] hash: the campaign     KEYS[2] hash: its upload     KEYS[3] list: its skipped rows
    KEYS[4] ... lists: its rows, one for each time zone named below
    ARGV[1] rows planned so far, as the caller believes     ARGV[2] ... and from now on
    ARGV[3] number of the piece     ARGV[4] seconds all live on
    ARGV[5] skipped rows, packed, "" for none
    ARGV[6] how many reasons follow: reason and count each
    then for each of KEYS[4] ...: zone, rows packed, how many rows
  Output: 1 written, 0 somebody else did, or the campaign is not being planned
]]
local now = redis.call("HMGET", KEYS[1], "state", "plannedRows")
if now[1] ~= "planning" or (now[2] or "0") ~= ARGV[1] then return 0 end
if ARGV[5] ~= "" then
  redis.call("RPUSH", KEYS[3], ARGV[5])
  redis.call("EXPIRE", KEYS[3], ARGV[4])
end
local at = 7
for _ = 1, tonumber(ARGV[6]) do
  redis.call("HINCRBY", KEYS[1], "skipped:" .. ARGV[at], ARGV[at + 1])
  at = at + 2
end
for i = 4, #KEYS do
  redis.call("RPUSH", KEYS[i], ARGV[at + 1])
  redis.call("EXPIRE", KEYS[i], ARGV[4])
  redis.call("HINCRBY", KEYS[1], "rows:" .. ARGV[at], ARGV[at + 2])
  redis.call("HINCRBY", KEYS[1], "planned", ARGV[at + 2])
  at = at + 3
end
redis.call("HSET", KEYS[1], "plannedRows", ARGV[2])
redis.call("EXPIRE", KEYS[1], ARGV[4])
redis.call("HDEL", KEYS[2], ARGV[3])
return 1
