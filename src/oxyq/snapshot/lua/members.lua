--[[
  Puts members into a key that others share; each that is there stays as it is.
    KEYS[1] key
    ARGV[1] type (hash, set, zset)    ARGV[2] when the key goes, in ms, "" for never    ARGV[3] now, in ms    ARGV[4] ... items
  Output: how many were put
]]
local rcall = redis.call
local left = rcall("PTTL", KEYS[1]) -- -2: there was none; -1: it stays for ever
local put = 0
if ARGV[1] == "set" then
  put = rcall("SADD", KEYS[1], unpack(ARGV, 4))
else
  for i = 4, #ARGV, 2 do
    if ARGV[1] == "hash" then
      put = put + rcall("HSETNX", KEYS[1], ARGV[i], ARGV[i + 1])
    else
      put = put + rcall("ZADD", KEYS[1], "NX", ARGV[i + 1], ARGV[i])
    end
  end
end
if ARGV[2] == "" then
  rcall("PERSIST", KEYS[1])
elseif left ~= -1 and tonumber(ARGV[2]) > tonumber(ARGV[3]) + left then
  rcall("PEXPIREAT", KEYS[1], ARGV[2])
end
return put
