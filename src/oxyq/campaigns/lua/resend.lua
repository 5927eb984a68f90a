--[[
  Takes up again those of one piece of the plan for whom it failed; done again it finds nobody.
    KEYS[1] hash: the campaign     KEYS[2] hash: its recipients     KEYS[3] list: its returned rows
    KEYS[4] sorted set: contacts who did not simply get it
    ARGV[1] seconds all live on
    ARGV[2] ... contact and place of each row
  Output: 1, or 0 when the campaign is not being planned
]]
if redis.call("HGET", KEYS[1], "state") ~= "planning" then return 0 end
local places = {}
for i = 2, #ARGV, 2 do
  local row = string.match(redis.call("HGET", KEYS[2], ARGV[i]) or "", "^(%d+) failed ")
  if row then
    redis.call("HSET", KEYS[2], ARGV[i], row)
    redis.call("ZREM", KEYS[4], ARGV[i])
    places[#places + 1] = ARGV[i + 1]
  end
end
if #places > 0 then
  redis.call("RPUSH", KEYS[3], unpack(places))
  redis.call("EXPIRE", KEYS[3], ARGV[1])
  redis.call("HINCRBY", KEYS[1], "failed", -#places)
  redis.call("HINCRBY", KEYS[1], "planned", #places)
end
return 1
