--[[
  Blanks one person's row in the plan of a campaign: the row stays where it is, and so do all counts, under another name.
    KEYS[1] list: packed rows of its time zone     KEYS[2] hash: the campaign's recipients
    KEYS[3] sorted set: those who did not simply get it     KEYS[4] ... jobs of its sends, which must be gone
    ARGV[1] number of the piece     ARGV[2] piece before     ARGV[3] piece from now on
    ARGV[4] contact                 ARGV[5] who stands there from now on
  Output: 1 done; 0 somebody else changed the piece, or there is a job again
]]
for i = 4, #KEYS do
  if redis.call("EXISTS", KEYS[i]) == 1 then return 0 end
end
if redis.call("LINDEX", KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
redis.call("LSET", KEYS[1], ARGV[1], ARGV[3])
local entry = redis.call("HGET", KEYS[2], ARGV[4])
if entry then
  -- "row status ms detail": the detail may be an id that begins with the number.
  redis.call("HSET", KEYS[2], ARGV[5], string.match(entry, "^%d+ [%l_]+ %d+") or string.match(entry, "^%d+") or "0")
  redis.call("HDEL", KEYS[2], ARGV[4])
end
local score = redis.call("ZSCORE", KEYS[3], ARGV[4])
if score then
  redis.call("ZADD", KEYS[3], score, ARGV[5])
  redis.call("ZREM", KEYS[3], ARGV[4])
end
return 1
