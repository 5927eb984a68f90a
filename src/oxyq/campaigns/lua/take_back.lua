--[[
  Puts rows whose jobs are gone back, to be released again.
    KEYS[1] hash: the campaign's open sends     KEYS[2] list: its returned rows
    ARGV[1] seconds it lives on     ARGV[2] ... job ids
  Output: how many
]]
local places = {}
for i = 2, #ARGV do
  local place = redis.call("HGET", KEYS[1], ARGV[i])
  if place then
    places[#places + 1] = string.match(place, "^%d+ %d+ %S+") -- without the time that was reserved
    redis.call("HDEL", KEYS[1], ARGV[i])
  end
end
if #places > 0 then
  redis.call("RPUSH", KEYS[2], unpack(places))
  redis.call("EXPIRE", KEYS[2], ARGV[1])
end
return #places
