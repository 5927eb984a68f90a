-- Take one of the failures that an address may have, before it is known whether it is one.
-- KEYS[1] the count. ARGV: how many there may be, for how long they count (seconds).
-- Returns 0, or in how many seconds the next attempt may be made.
local count = tonumber(redis.call('GET', KEYS[1]) or '0')
if count >= tonumber(ARGV[1]) then
  return math.max(1, redis.call('TTL', KEYS[1]))
end
redis.call('INCR', KEYS[1])
redis.call('EXPIRE', KEYS[1], ARGV[2], 'NX')
return 0
