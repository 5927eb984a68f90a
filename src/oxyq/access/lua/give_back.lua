-- What was no failure does not count as one. KEYS[1] the count, which may have run out meanwhile.
if redis.call('EXISTS', KEYS[1]) == 1 then
  redis.call('DECR', KEYS[1])
end
