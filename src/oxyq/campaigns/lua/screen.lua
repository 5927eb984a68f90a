--[[
  Says of each contact whether it is new to this campaign, and writes it down as coming from this row.
    KEYS[1] hash: the campaign's recipients     KEYS[2] ... hashes: what each contact wishes
    ARGV[1] seconds the recipients live on
    ARGV[2] ... contact and row, in the order of KEYS[2] ...
  Output: a letter for each: n new (or written down from this very row before), d duplicate, o opted out
]]
local verdicts = {}
for i = 2, #KEYS do
  local contact, row = ARGV[i * 2 - 2], ARGV[i * 2 - 1]
  local before = redis.call("HGET", KEYS[1], contact)
  if before then
    -- A planning that was interrupted meets its own rows again.
    verdicts[i - 1] = string.match(before, "^%d+") == row and "n" or "d"
  elseif redis.call("HGET", KEYS[i], "state") == "out" then
    verdicts[i - 1] = "o"
  else
    redis.call("HSET", KEYS[1], contact, row)
    verdicts[i - 1] = "n"
  end
end
redis.call("EXPIRE", KEYS[1], ARGV[1])
return table.concat(verdicts)
