-- KEYS[1] the lease   ARGV[1] who holds it   ARGV[2] for how long (ms)   Output: 1 it is still theirs, 0 not any more
if redis.call("GET", KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call("PEXPIRE", KEYS[1], ARGV[2])
