--[[
  Writes down how a claimed message ended. A state never goes back: a run that lost its job and speaks late cannot undo
  what a later one knows, but what it did send is never lost.
    KEYS[1]  hash: the ledger's entry of this message
    KEYS[2]  list: when campaigns reached the contact; only for a message of a campaign
    ARGV[1]  sent | refused | unconfirmed
    ARGV[2]  the token of the run that claimed it
    ARGV[3]  time in ms
    ARGV[4]  ms the entry lives on
    ARGV[5]  the provider's id, for sent
    ARGV[6]  the time in ms that the limits promise it, for refused; "" for none
  Output: 1 written, 0 somebody knows better, 2 WhatsApp refused it after it had taken it
]]
local before = redis.call("HMGET", KEYS[1], "state", "run", "reached")
local state, isOurs = before[1], before[2] == ARGV[2]
if state == "sent" or state == "delivered" or state == "read" then return 0 end
if state == "failed" and ARGV[1] == "sent" then
  -- News of it was faster than the answer that told its id.
  redis.call("HSETNX", KEYS[1], "provider", ARGV[5])
  return 2
end
-- "It went out" is true whoever says it; that nothing did is true of one's own run only.
if ARGV[1] ~= "sent" and not isOurs then return 0 end
redis.call("HSET", KEYS[1], "state", ARGV[1], "at", ARGV[3])
if ARGV[1] == "sent" then redis.call("HSET", KEYS[1], "provider", ARGV[5]) end
if ARGV[1] == "refused" and KEYS[2] and before[3] then
  -- It was counted with the claim, and did not reach anybody.
  redis.call("LREM", KEYS[2], 1, before[3])
  redis.call("HDEL", KEYS[1], "reached")
end
if ARGV[6] ~= "" then redis.call("HSET", KEYS[1], "held", ARGV[6]) end
redis.call("PEXPIRE", KEYS[1], ARGV[4])
return 1
