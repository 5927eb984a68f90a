--[[
  What the gateway says later of a message that went out, or may have: a state only moves forward.
    KEYS[1]  hash: the ledger's entry of this message
    ARGV[1]  sent | delivered | read | failed
    ARGV[2]  time in ms
    ARGV[3]  ms the entry lives on
    ARGV[4]  the provider's id, "" if it does not say
  Output: {1 news, 0 not}, then for a message of a campaign its id and the contact
]]
local RANK = {sending = 1, unconfirmed = 1, sent = 2, delivered = 3, read = 4}
local entry = redis.call("HMGET", KEYS[1], "state", "campaign", "contact")
local state, isNews = entry[1], false
if ARGV[1] == "failed" then
  -- WhatsApp refuses some messages only after it took them; what was delivered cannot fail any more.
  isNews = state == "sending" or state == "unconfirmed" or state == "sent"
else
  isNews = RANK[state] ~= nil and RANK[ARGV[1]] > RANK[state]
end
if isNews then
  redis.call("HSET", KEYS[1], "state", ARGV[1], "at", ARGV[2])
  if ARGV[4] ~= "" then redis.call("HSET", KEYS[1], "provider", ARGV[4]) end
  redis.call("PEXPIRE", KEYS[1], ARGV[3])
end
return {isNews and 1 or 0, entry[2] or "", entry[3] or ""}
