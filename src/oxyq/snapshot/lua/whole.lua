--[[
  Makes a key, if there is none of its name. One of several pieces grows under another name until it is whole.
    KEYS[1] key     KEYS[2] what grows
    ARGV[1] type    ARGV[2] number of the piece    ARGV[3] "1" when it is the last    ARGV[4] when the key goes, in ms,
    "" for never    ARGV[5] for how many seconds what grows is kept                   ARGV[6] ... items
  Output: 1 made (or grown), 0 there is such a key, or what should grow was not begun
]]
local rcall = redis.call
local isFirst, isLast = ARGV[2] == "0", ARGV[3] == "1"
if rcall("EXISTS", KEYS[1]) == 1 then
  if isLast then rcall("DEL", KEYS[2]) end
  return 0
end
if isFirst then rcall("DEL", KEYS[2]) elseif rcall("EXISTS", KEYS[2]) == 0 then return 0 end

local target = isFirst and isLast and KEYS[1] or KEYS[2]
local command = ({string = "SET", hash = "HSET", list = "RPUSH", set = "SADD", zset = "ZADD"})[ARGV[1]]
if ARGV[1] == "zset" then
  for i = 6, #ARGV, 2 do ARGV[i], ARGV[i + 1] = ARGV[i + 1], ARGV[i] end
end
rcall(command, target, unpack(ARGV, 6))
if not isLast then
  rcall("EXPIRE", target, ARGV[5])
  return 1
end
if target ~= KEYS[1] then
  rcall("PERSIST", target)
  rcall("RENAME", target, KEYS[1])
end
if ARGV[4] ~= "" then rcall("PEXPIREAT", KEYS[1], ARGV[4]) end
return 1
