--[[
  Finds the jobs that were handed to us in a reply we never received: they sit in active, locked with our token.
    KEYS[1]   active key
    ARGV[1]   key prefix of the queue
    ARGV[2..] the tokens of the lost replies
  Output: id, token, {field, value, ...} for each such job
]]
local ours = {}
for i = 2, #ARGV do ours[ARGV[i]] = true end
local found = {}
for _, id in ipairs(redis.call("LRANGE", KEYS[1], 0, -1)) do
  local token = redis.call("GET", ARGV[1] .. id .. ":lock")
  if token and ours[token] then
    found[#found + 1] = id
    found[#found + 1] = token
    found[#found + 1] = redis.call("HGETALL", ARGV[1] .. id)
  end
end
return found
