--[[
  Takes rows out of the plan, just before their jobs are added. "releasing" stays until the jobs are there: whoever finds
  it looks for rows whose jobs never came to be.
    KEYS[1] hash: the campaign     KEYS[2] hash: its open sends     KEYS[3] list: its returned rows
    ARGV[1] generation of the run that asks     ARGV[2] seconds all live on
    ARGV[3] time zone whose place moves on, "" to take from the returned rows
    ARGV[4] the place as the caller believes (the first returned row)     ARGV[5] ... and from now on (unused)
    ARGV[6] ... job id and place of each row
  Output: 1 taken; 0 not running, or somebody else took them
]]
local now = redis.call("HMGET", KEYS[1], "state", "generation")
if now[1] ~= "running" or (now[2] or "0") ~= ARGV[1] then return 0 end
if ARGV[3] == "" then
  if redis.call("LINDEX", KEYS[3], 0) ~= ARGV[4] then return 0 end
  redis.call("LTRIM", KEYS[3], (#ARGV - 5) / 2, -1)
else
  if (redis.call("HGET", KEYS[1], "at:" .. ARGV[3]) or "") ~= ARGV[4] then return 0 end
  redis.call("HSET", KEYS[1], "at:" .. ARGV[3], ARGV[5])
end
redis.call("HSET", KEYS[2], unpack(ARGV, 6))
redis.call("EXPIRE", KEYS[2], ARGV[2])
redis.call("HSET", KEYS[1], "releasing", 1)
redis.call("EXPIRE", KEYS[1], ARGV[2])
return 1
