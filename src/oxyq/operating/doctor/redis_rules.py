"""What must be so of a Redis server: a table of rules, each from what the server said to one finding."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from oxyq.engine.markers import ANSWER_SECONDS, BLOCK_SECONDS
from oxyq.operating.doctor.finding import Finding, Level
from oxyq.operating.doctor.known_versions import HOLES, OLDEST, Server, mended_in, read_version
from oxyq.operating.doctor.redis_facts import RedisFacts
from oxyq.redis_info import info_number, is_on_disk, used_percent

#: Delays are set by our clock and kept by other machines' (P7 in docs/semantics.md).
MOST_SKEW_SECONDS: Final = 5.0
#: A job is three round trips or so; beyond this a worker mostly waits.
SLOW_MS: Final = 20.0
#: A server that closes connections sooner makes those that only add now and then connect anew all the time.
LEAST_IDLE_SECONDS: Final = 60
#: A replica that is further behind would lose that much when it takes over.
REPLICA_LAG_SECONDS: Final = 10
_ASK: Final = "see the provider's settings, or allow INFO"


@dataclass(frozen=True, slots=True)
class Rule:
    """One check; `loses_jobs`: production does not start when it refuses."""

    check: str
    judge: Callable[[RedisFacts], tuple[Level, str, str]]
    loses_jobs: bool = False

    def look(self, facts: RedisFacts) -> Finding:
        """What it finds."""
        return Finding(self.check, *self.judge(facts))


def _server(facts: RedisFacts) -> Server:
    return "valkey" if "valkey_version" in facts.info else "redis"


def _version_text(facts: RedisFacts) -> str | None:
    return facts.info.get("valkey_version") or facts.info.get("redis_version")


def _version(facts: RedisFacts) -> tuple[Level, str, str]:
    text, server = _version_text(facts), _server(facts).capitalize()
    version = read_version(text)
    if version is None:
        return "warning", "the server does not say its version", f"it must be 7.0 or newer; {_ASK}"
    if (hosted := facts.info.get("upstash_version")) is not None:
        return "ok", f"Upstash {hosted}, which says it is as Redis {text}", ""
    if version < OLDEST:
        return "refuses", f"{server} {text} is too old", "change to 7.2 or newer"
    return "ok", f"{server} {text}", ""


def _known_holes(facts: RedisFacts) -> tuple[Level, str, str]:
    version, server = read_version(_version_text(facts)), _server(facts)
    if version is None or "upstash_version" in facts.info:
        return "ok", "not known of this server: its provider looks after it", ""
    better = mended_in(server, version)
    if better is None:
        return "ok", "none that is known to us", ""
    return (
        "warning", f"{_version_text(facts)} may have {HOLES[server]}",
        f"change to {better} or newer, or see that your distribution has mended its own under the same number",
    )  # fmt: skip


def _role(facts: RedisFacts) -> tuple[Level, str, str]:
    match facts.info.get("role"):
        case None:
            return "warning", "the server does not say whether it is a master", _ASK
        case "master":
            return "ok", "a master", ""
        case role:
            return "refuses", f"it is a {role}, which takes no jobs", "let REDIS_URL name the master, or its sentinels"


def _eviction(facts: RedisFacts) -> tuple[Level, str, str]:
    policy = facts.info.get("maxmemory_policy")
    if policy is None:
        return "warning", "the server does not say what it throws away when it is full", f"it must be nothing; {_ASK}"
    if policy == "noeviction":
        return "ok", policy, ""
    return (
        "refuses", f"{policy}: jobs are thrown away when memory is full",
        "CONFIG SET maxmemory-policy noeviction, and the same in redis.conf (Upstash: switch eviction off)",
    )  # fmt: skip


def _append_only(facts: RedisFacts) -> tuple[Level, str, str]:
    match is_on_disk(facts.info):
        case None:
            return "warning", "the server does not say whether it keeps what it acknowledges", _ASK
        case True:
            return "ok", "on", ""
        case False:
            return (
                "refuses", "off: what was added since the last snapshot is lost when Redis stops",
                "CONFIG SET appendonly yes, and the same in redis.conf",
            )  # fmt: skip


def _fsync(facts: RedisFacts) -> tuple[Level, str, str]:
    match facts.config.get("appendfsync"):
        case "always":
            return "ok", "always: nothing acknowledged is lost", ""
        case "everysec":
            return "ok", "everysec: a host that loses its power loses about the last second", ""
        case "no":
            return "warning", "no: a host that loses its power loses half a minute", "CONFIG SET appendfsync everysec"
        case _:
            return "ok", "the server does not say", ""


def _last_writes(facts: RedisFacts) -> tuple[Level, str, str]:
    failed = [
        name
        for name in ("aof_last_write_status", "aof_last_bgrewrite_status", "rdb_last_bgsave_status")
        if facts.info.get(name, "ok") != "ok"
    ]
    if not failed:
        return "ok", "went well, as far as the server says", ""
    return "warning", f"{', '.join(failed)}: failed", "make room on Redis's disk, and see its log"


def _memory(facts: RedisFacts) -> tuple[Level, str, str]:
    used = info_number(facts.info, "used_memory")
    if used is None:
        return "ok", "the server does not say", ""
    percent, size = used_percent(facts.info), _megabytes(used)
    if percent is None:
        return (
            "warning", f"{size} used, and no limit: a full machine stops Redis before we can refuse anything",
            "CONFIG SET maxmemory to three quarters of the machine's memory, and the same in redis.conf",
        )  # fmt: skip
    if percent >= 75:
        return "warning", f"{size}, {percent} % of maxmemory", "give Redis more, or have what is kept removed earlier"
    return "ok", f"{size}, {percent} % of maxmemory", ""


def _megabytes(count: int) -> str:
    return f"{count / 1_000_000:,.0f} MB"


def _clock(facts: RedisFacts) -> tuple[Level, str, str]:
    skew = facts.skew_seconds
    if skew is None:
        return "warning", "the server does not say what time it is", "allow TIME"
    found = f"this machine is {abs(skew):.1f} s {'ahead of' if skew > 0 else 'behind'} Redis"
    if abs(skew) > MOST_SKEW_SECONDS:
        return "refuses", f"{found}: what is to wait would run too early or too late", "let both machines use NTP"
    return "ok", found, ""


def _latency(facts: RedisFacts) -> tuple[Level, str, str]:
    found = f"{facts.latency_ms:g} ms for a PING"
    if facts.latency_ms > SLOW_MS:
        return "warning", found, "run the workers in Redis's region, or raise their concurrency"
    return "ok", found, ""


def _timeouts(facts: RedisFacts) -> tuple[Level, str, str]:
    # A client that gives up before its own blocking call ends never hears of work: ours waits longer, always.
    ours = f"we wait {BLOCK_SECONDS + ANSWER_SECONDS:g} s for a call that blocks {BLOCK_SECONDS} s"
    idle = info_number(facts.config, "timeout") or 0
    if 0 < idle < LEAST_IDLE_SECONDS:
        return "warning", f"{ours}; the server closes what rests for {idle} s", "CONFIG SET timeout 0"
    return "ok", ours, ""


def _commands(facts: RedisFacts) -> tuple[Level, str, str]:
    if facts.refused:
        return (
            "refuses", f"not allowed: {', '.join(facts.refused)}",
            "let the user have them (ACL SETUSER … +command), for the keys of our prefix",
        )  # fmt: skip
    return "ok", "all that we need are allowed", ""


def _replicas(facts: RedisFacts) -> tuple[Level, str, str]:
    count = info_number(facts.info, "connected_slaves") or 0
    if not count:
        return "ok", "none that we know of", ""
    replicas = [_fields(facts.info.get(f"slave{number}", "")) for number in range(count)]
    behind = [one for one in replicas if one.get("state") != "online" or _lag(one) > REPLICA_LAG_SECONDS]
    found = f"{count}; what they have not got yet is lost when one takes over"
    if behind:
        return "warning", f"{found}; {len(behind)} of them behind", "see why in their logs"
    return "ok", found, ""


def _fields(text: str) -> dict[str, str]:
    pairs = (part.partition("=") for part in text.split(","))
    return {name: value for name, _, value in pairs}


def _lag(replica: dict[str, str]) -> int:
    return info_number(replica, "lag") or 0


RULES: Final = (
    Rule("redis version", _version, loses_jobs=True),
    Rule("known holes", _known_holes),
    Rule("master", _role, loses_jobs=True),
    Rule("eviction", _eviction, loses_jobs=True),
    Rule("append-only file", _append_only, loses_jobs=True),
    Rule("fsync", _fsync),
    Rule("last writes to disk", _last_writes),
    Rule("memory", _memory),
    Rule("replicas", _replicas),
    Rule("clocks", _clock, loses_jobs=True),
    Rule("latency", _latency),
    Rule("socket timeouts", _timeouts),
    Rule("commands", _commands),
)
