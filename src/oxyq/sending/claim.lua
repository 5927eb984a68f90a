--[[
  Claims a message for one run of its job, before anything goes out.
    KEYS[1]  hash: the ledger's entry of this message
    KEYS[2]  the lock of the job that sends it
    and for a message of a campaign
    KEYS[3]  hash: the campaign   KEYS[4]  hash: what the contact wishes   KEYS[5]  list: when campaigns reached the contact
    ARGV[1]  the lock's token that this run was given: the fence. Whoever lost the lock may not send.
    ARGV[2]  time in ms
    ARGV[3]  ms the entry lives on
    ARGV[4]  what to do when an earlier run may have sent it: never | once | same
    ARGV[5]  1: this run has asked before, and the answer was lost; else 0
    and for a message of a campaign
    ARGV[6]  campaign id          ARGV[7]  contact
    ARGV[8]  how many messages the contact may get in ARGV[9] ms, "" for any number
    ARGV[10] ms that it is remembered when the contact was reached
  Output: {"send", held, lock}   claimed, and nothing went out before; held: the time that the limits had promised it,
                                 or ""; lock: ms for which the job stays this run's
          {"again", held, lock}  claimed, though it may have gone out before
          {"sent", id}           it went out before, under this id
          {"unconfirmed"}        it may have gone out before, and is not sent again
          {"fenced"}             the job is not this run's any more
          {"kept", why}          not to be sent: the campaign is paused or cancelled, the contact opted_out or is capped
]]
if redis.call("GET", KEYS[2]) ~= ARGV[1] then return {"fenced"} end
local before = redis.call("HMGET", KEYS[1], "state", "provider", "repeated", "reached", "held", "run")
local state, answer = before[1], "send"
-- It has not sent yet, so what it claimed with the answer that was lost is not unknown.
local isClaimedAlready = ARGV[5] == "1" and state == "sending" and before[6] == ARGV[1]
if state == "sent" or state == "delivered" or state == "read" then return {"sent", before[2] or ""} end
-- A run that claimed it and never said how it went: it died, was cut off, or heard nothing.
if not isClaimedAlready and (state == "sending" or state == "unconfirmed") then
  if ARGV[4] == "never" or (ARGV[4] == "once" and before[3]) then
    redis.call("HSET", KEYS[1], "state", "unconfirmed", "at", ARGV[2])
    redis.call("PEXPIRE", KEYS[1], ARGV[3])
    return {"unconfirmed"}
  end
  answer = "again"
elseif before[3] then
  answer = "again" -- an earlier run may have sent it, and a later one that nothing kept from it did not
end

local function keep(why)
  redis.call("HSET", KEYS[1], "state", "skipped", "at", ARGV[2], "why", why)
  redis.call("PEXPIRE", KEYS[1], ARGV[3])
  return {"kept", why}
end

if KEYS[3] then
  local campaign = redis.call("HGET", KEYS[3], "state")
  if campaign == "paused" then return {"kept", "paused"} end
  if campaign == "cancelled" then return keep("cancelled") end
  if redis.call("HGET", KEYS[4], "state") == "out" then return keep("opted_out") end
  -- Counted with the claim, so that two campaigns at once cannot both be the last that fits.
  if not before[4] then
    if ARGV[8] ~= "" then
      local last = redis.call("LINDEX", KEYS[5], ARGV[8] - 1)
      if last and tonumber(last) > ARGV[2] - ARGV[9] then return keep("capped") end
    end
    local times = redis.call("LPUSH", KEYS[5], ARGV[2])
    if times == 1 then
      redis.call("PEXPIRE", KEYS[5], ARGV[10])
    else
      redis.call("LTRIM", KEYS[5], 0, 99)
      -- Never shorter than another cap, or the same before it was changed, needs it.
      redis.call("PEXPIRE", KEYS[5], ARGV[10], "GT")
    end
    redis.call("HSET", KEYS[1], "campaign", ARGV[6], "contact", ARGV[7], "reached", ARGV[2])
  end
end
if answer == "again" then redis.call("HSET", KEYS[1], "repeated", ARGV[2]) end
redis.call("HSET", KEYS[1], "state", "sending", "at", ARGV[2], "run", ARGV[1])
redis.call("PEXPIRE", KEYS[1], ARGV[3])
if before[5] then redis.call("HDEL", KEYS[1], "held") end
return {answer, before[5] or "", tostring(redis.call("PTTL", KEYS[2]))}
