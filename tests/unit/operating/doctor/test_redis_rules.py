"""Each rule about a Redis server: what is fine, is warned of, is refused in production; and what nobody can know."""

from dataclasses import replace

import pytest

from oxyq.operating.doctor.finding import Level
from oxyq.operating.doctor.redis_facts import RedisFacts
from oxyq.operating.doctor.redis_rules import RULES

GOOD = {
    "redis_version": "7.2.16", "role": "master", "connected_slaves": "0", "maxmemory_policy": "noeviction",
    "aof_enabled": "1", "aof_last_write_status": "ok", "rdb_last_bgsave_status": "ok", "used_memory": "1000000",
    "maxmemory": "4000000",
}  # fmt: skip
WELL = RedisFacts(GOOD, {"appendfsync": "everysec", "timeout": "0"}, 0.01, 0.3, ())
BY_CHECK = {rule.check: rule for rule in RULES}
ONLINE = "ip=10.0.0.2,port=6379,state=online,offset=1,lag=0"


def test_nothing_is_wrong_with_a_good_server() -> None:
    """And what is fine needs no fix."""
    for rule in RULES:
        finding = rule.look(WELL)
        assert (finding.level, finding.fix) == ("ok", ""), finding


@pytest.mark.parametrize(
    ("check", "info", "level", "fix"),
    [
        ("redis version", {"redis_version": "6.2.14"}, "refuses", "7.2 or newer"),
        ("redis version", {"redis_version": "7.0.15"}, "ok", ""),
        ("redis version", {"redis_version": "7.2.4", "valkey_version": "9.1.2"}, "ok", ""),
        ("redis version", {"redis_version": "6.2.6", "upstash_version": "1.10.5"}, "ok", ""),
        ("redis version", {"redis_version": "the newest"}, "warning", "7.0 or newer"),
        ("known holes", {"redis_version": "7.0.15"}, "warning", "change to 7.2.16"),
        ("known holes", {"redis_version": "7.2.15"}, "warning", "change to 7.2.16"),
        ("known holes", {"redis_version": "8.0.6"}, "warning", "change to 8.2.9"),
        ("known holes", {"redis_version": "8.10.0"}, "warning", "change to 8.10.1"),
        ("known holes", {"redis_version": "8.12.0"}, "ok", ""),
        ("known holes", {"redis_version": "7.2.4", "valkey_version": "8.1.8"}, "warning", "change to 8.1.9"),
        ("known holes", {"redis_version": "7.2.4", "valkey_version": "9.2.0"}, "ok", ""),
        ("master", {"role": "slave"}, "refuses", "REDIS_URL name the master"),
        ("eviction", {"maxmemory_policy": "volatile-ttl"}, "refuses", "maxmemory-policy noeviction"),
        ("append-only file", {"aof_enabled": "0"}, "refuses", "appendonly yes"),
        ("last writes to disk", {"aof_last_write_status": "err"}, "warning", "make room"),
        ("last writes to disk", {"rdb_last_bgsave_status": "err"}, "warning", "make room"),
        ("memory", {"maxmemory": "0"}, "warning", "three quarters"),
        ("memory", {"used_memory": "3100000"}, "warning", "give Redis more"),
        ("replicas", {"connected_slaves": "1", "slave0": ONLINE}, "ok", ""),
        ("replicas", {"connected_slaves": "1", "slave0": ONLINE.replace("lag=0", "lag=60")}, "warning", "logs"),
        ("replicas", {"connected_slaves": "1", "slave0": ONLINE.replace("online", "wait_bgsave")}, "warning", "logs"),
    ],
)  # fmt: skip
def test_what_a_server_says_of_itself(check: str, info: dict[str, str], level: Level, fix: str) -> None:
    """Who reads it knows what to change."""
    finding = BY_CHECK[check].look(replace(WELL, info={**GOOD, **info}))

    assert finding.level == level, finding
    assert fix in finding.fix
    assert bool(finding.fix) == (level != "ok")


@pytest.mark.parametrize(
    ("check", "changed", "level"),
    [
        ("clocks", {"skew_seconds": 4.9}, "ok"),
        ("clocks", {"skew_seconds": 5.1}, "refuses"),
        ("clocks", {"skew_seconds": -5.1}, "refuses"),
        ("latency", {"latency_ms": 25.0}, "warning"),
        ("fsync", {"config": {"appendfsync": "no"}}, "warning"),
        ("fsync", {"config": {"appendfsync": "always"}}, "ok"),
        ("socket timeouts", {"config": {"timeout": "30"}}, "warning"),
        ("commands", {"refused": ("BZPOPMIN",)}, "refuses"),
    ],
)
def test_what_was_measured_and_tried(check: str, changed: dict[str, object], level: Level) -> None:
    """Five seconds of skew are the most that is allowed."""
    assert BY_CHECK[check].look(replace(WELL, **changed)).level == level  # type: ignore[arg-type]


def test_what_nobody_can_know_is_warned_of_and_never_refused() -> None:
    """A hosted server may answer neither INFO nor CONFIG nor TIME; it may be a good one all the same."""
    silent = RedisFacts({}, {}, None, 0.3, ())

    levels = {rule.check: rule.look(silent).level for rule in RULES}

    assert {check for check, level in levels.items() if level == "warning"} == {
        rule.check for rule in RULES if rule.loses_jobs
    }
    assert "refuses" not in levels.values()
