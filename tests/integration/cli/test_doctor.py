"""`oxyq doctor` on real servers: what it finds, how it ends, and that it changes nothing."""

import socket
from pathlib import Path

import pytest

from oxyq.operating.doctor.needed_commands import NEEDED
from tests.command_line import CommandLine, Ended
from tests.conftest import StartRedis
from tests.redis_server import RedisServer, free_port

GOOD = ("--appendonly", "yes", "--maxmemory", "500mb", "--maxmemory-policy", "noeviction")
SECRET = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def server(start_redis: StartRedis) -> RedisServer:
    """One as it should be."""
    return start_redis(*GOOD)


@pytest.fixture
def oxyq(server: RedisServer, tmp_path: Path) -> CommandLine:
    """An installation on it."""
    return CommandLine(tmp_path, REDIS_URL=server.url, OXYQ_JWT_SECRET=SECRET, OXYQ_DATA_DIR=str(tmp_path / "data"))


def levels(ended: Ended) -> dict[str, str]:
    """Each check and how bad what it found is."""
    return {finding["check"]: finding["level"] for finding in ended.json()["findings"]}


def test_on_a_good_server_all_is_well_but_what_its_version_is_known_for(oxyq: CommandLine, server: RedisServer) -> None:
    """A warning ends with 1 for who asks for it; and nothing is left behind."""
    ended = oxyq("doctor", "--json")

    assert ended.code == 0
    found = levels(ended)
    found.pop("known holes")  # depends on the server of this machine
    assert set(found.values()) == {"ok"}, ended.out
    with server.client() as client:
        assert client.keys("*") == []


def test_warnings_end_with_1_only_where_that_is_asked_for(oxyq: CommandLine, server: RedisServer) -> None:
    """In a terminal it is a table."""
    with server.client() as client:
        client.config_set("maxmemory", 0)

    relaxed, strict = oxyq("doctor"), oxyq("doctor", "--strict")

    assert (relaxed.code, strict.code) == (0, 1)
    [line] = [line for line in relaxed.out.splitlines() if line.startswith("memory")]
    assert "warning" in line
    assert "CONFIG SET maxmemory" in line


def test_what_loses_jobs_ends_with_2(oxyq: CommandLine, server: RedisServer) -> None:
    """Each with its fix."""
    with server.client() as client:
        client.config_set("appendonly", "no")
        client.config_set("maxmemory-policy", "allkeys-lru")

    ended = oxyq("doctor", "--json")

    assert (ended.code, ended.json()["level"]) == (2, "refuses")
    refused = [finding for finding in ended.json()["findings"] if finding["level"] == "refuses"]
    assert [finding["check"] for finding in refused] == ["eviction", "append-only file"]
    assert all("CONFIG SET" in finding["fix"] for finding in refused)


def test_a_redis_that_is_away_or_silent_is_one_finding(tmp_path: Path) -> None:
    """Nobody waits for long, and this machine is examined all the same."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        for port in (free_port(), silent.getsockname()[1]):
            oxyq = CommandLine(tmp_path, REDIS_URL=f"redis://127.0.0.1:{port}/0", OXYQ_DATA_DIR=str(tmp_path))
            ended = oxyq("doctor", "--json")

            assert ended.code == 2
            assert ended.err == ""
            assert [check for check, level in levels(ended).items() if level == "refuses"] == ["redis"]
            assert "disk" in levels(ended)


def test_asked_whether_work_gets_through_a_redis_that_is_away_it_ends_too(tmp_path: Path) -> None:
    oxyq = CommandLine(tmp_path, REDIS_URL=f"redis://127.0.0.1:{free_port()}/0", OXYQ_DATA_DIR=str(tmp_path))

    ended = oxyq("doctor", "--live", "--json")

    assert ended.code == 2
    refused = [check for check, level in levels(ended).items() if level == "refuses"]
    assert refused == ["redis", "work gets through"]


def test_live_says_of_each_queue_whether_work_gets_through(oxyq: CommandLine) -> None:
    """Without workers none does; tests/integration/workers has the canaries."""
    ended = oxyq("doctor", "--live", "--json")

    assert ended.code == 2
    dead = [finding for finding in ended.json()["findings"] if finding["level"] == "refuses"]
    assert [finding["check"] for finding in dead] == [
        f"work gets through {queue}" for queue in ("message", "automation", "campaign")
    ]
    assert dead[0]["fix"] == "oxyq workers start message"


def test_a_user_with_just_the_commands_that_we_need_is_told_so(oxyq: CommandLine, server: RedisServer) -> None:
    """And one who lacks some is told which; that INFO and CONFIG may not be asked is no reason to refuse."""
    commands = sorted({f"+{str(command[0]).lower()}" for command in NEEDED} | {"+set"})
    login = f"redis://limited:{SECRET}@127.0.0.1:{server.port}/0"

    def examined(*rules: str) -> Ended:
        with server.client() as client:
            client.execute_command(
                "ACL", "SETUSER", "limited", "reset", "on", f">{SECRET}", "~bull:*", "~oxyq:bull:*", "-@all", *rules
            )
        return CommandLine(oxyq.folder, **{**oxyq.settings, "REDIS_URL": login})("doctor", "--json")

    enough = examined(*commands)
    assert (enough.code, levels(enough)["commands"]) == (0, "ok")
    assert levels(enough)["append-only file"] == "warning"

    lacking = examined(*(rule for rule in commands if rule not in ("+bzpopmin", "+evalsha")))
    [finding] = [one for one in lacking.json()["findings"] if one["check"] == "commands"]
    assert (lacking.code, finding["found"]) == (2, "not allowed: BZPOPMIN, EVALSHA")
