--[[
  Keeps the answer of a turn before it goes out, so that whoever goes on with it sends the same words.
    KEYS[1] hash: the conversation   KEYS[2] list: its inbox   KEYS[3] the lock of the job that has the turn
    ARGV[1] job id   ARGV[2] the lock's token   ARGV[3] the answer as JSON   ARGV[4] messages that waited then
    ARGV[5] time in ms   ARGV[6] 1: newer messages make no difference any more   ARGV[7] 1: whoever took over, too
  Output: "kept" | "fenced" the job or the turn is somebody else's | "newer" somebody wrote since | "person" took over
]]
if redis.call("GET", KEYS[3]) ~= ARGV[2] or redis.call("HGET", KEYS[1], "owner") ~= ARGV[1] then return "fenced" end
if ARGV[7] == "0" and tonumber(redis.call("HGET", KEYS[1], "silentUntil") or 0) > tonumber(ARGV[5]) then return "person" end
if ARGV[6] == "0" and redis.call("LLEN", KEYS[2]) > tonumber(ARGV[4]) then
  redis.call("HINCRBY", KEYS[1], "reopened", 1)
  return "newer"
end
redis.call("HSET", KEYS[1], "answer", ARGV[3])
return "kept"
