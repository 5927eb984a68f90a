"""Jobs by the hundred thousand, as they lie in Redis: written by a script, since adding them takes long."""

import time
from typing import Final

import redis

#: Jobs per call of the script.
PIECE: Final = 2_000
ORGANIZATIONS: Final = 100

_SEED: Final = """
local base, state, first, count, now = KEYS[1], ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
for i = first, first + count - 1 do
  local id = string.format("msg-%08x%08x%08x%08x", i, i * 7919 % 4294967296, i, 12345)
  local data = '{"organizationId":"org_' .. i % ARGV[5] .. '","instanceId":"wa_1","from":"55119'
    .. string.format("%08d", i % 50000) .. '@c.us","content":"Mensagem de teste numero ' .. i
    .. ' com algum texto","messageId":"m' .. i .. '","timestamp":' .. now .. '}'
  redis.call("HSET", base .. id, "name", "inbound", "data", data, "opts", '{"attempts":3}', "timestamp", now + i,
    "delay", 0, "priority", 0, "ats", 3, "atm", 3)
  if state == "wait" then
    redis.call("LPUSH", base .. state, id)
  else
    redis.call("HSET", base .. id, "processedOn", now + i, "finishedOn", now + i)
    if state == "failed" then redis.call("HSET", base .. id, "failedReason", "gateway answered 502 for " .. i) end
    redis.call("ZADD", base .. state, now + i, id)
  end
end
"""


def seed(client: "redis.Redis", prefix: str, queue: str, state: str, count: int) -> None:
    """Put `count` jobs of 100 organizations, in turn, into `completed`, `failed` or `wait`: some 10 s a million."""
    script = client.script_load(_SEED)
    began = int(time.time() * 1000) - count
    pipeline = client.pipeline(transaction=False)
    for first in range(0, count, PIECE):
        pipeline.evalsha(
            script, 1, f"{prefix}:{queue}:", state, first, min(PIECE, count - first), began, ORGANIZATIONS
        )  # fmt: skip
        if len(pipeline) == 20:
            pipeline.execute()
    pipeline.execute()
