-- Look at a session: use renews it, what is shown once is taken out, and what was revealed for long enough is hidden.
-- KEYS[1] the session. ARGV: now, how long it lives unused (both ms). Returns its fields as they were.
local fields = redis.call('HGETALL', KEYS[1])
if #fields == 0 then
  return fields
end
local now, idle, ends = tonumber(ARGV[1]), tonumber(ARGV[2]), 0
for i = 1, #fields, 2 do
  local name, value = fields[i], fields[i + 1]
  if name == 'ends' then
    ends = tonumber(value)
  elseif name == 'flash' or (string.sub(name, 1, 7) == 'reveal:' and tonumber(value) <= now) then
    redis.call('HDEL', KEYS[1], name)
  end
end
redis.call('HSET', KEYS[1], 'used', ARGV[1])
-- What has ended is gone by this.
redis.call('PEXPIRE', KEYS[1], math.min(idle, ends - now))
return fields
