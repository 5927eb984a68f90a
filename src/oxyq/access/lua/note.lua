-- Write fields of a session that is still there: one that ended must not come back without its end.
-- KEYS[1] the session. ARGV: field, value, ...
if redis.call('EXISTS', KEYS[1]) == 1 then
  redis.call('HSET', KEYS[1], unpack(ARGV))
end
