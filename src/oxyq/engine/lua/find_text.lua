--[[
  Which jobs hold a text in their id, their data or their last error, whatever the case of its letters A to Z.
    KEYS[1] meta of the queue; the jobs' keys are made of their ids
    ARGV[1] key prefix of the queue   ARGV[2] the text, in small letters   ARGV[3...] ids
  Output: how many were looked at (after a megabyte it is enough for one call), then the numbers of those that do
]]
local ENOUGH = 2 ^ 20
local answer, read = {0}, 0
for i = 3, #ARGV do
  local job = redis.pcall("HMGET", ARGV[1] .. ARGV[i], "data", "failedReason")
  for _, text in ipairs({ARGV[i], job[1] or "", job[2] or ""}) do
    read = read + #text
    if string.find(string.lower(text), ARGV[2], 1, true) then
      answer[#answer + 1] = i - 2
      break
    end
  end
  answer[1] = i - 2
  if read > ENOUGH then break end
end
return answer
