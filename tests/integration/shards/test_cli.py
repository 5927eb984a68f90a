"""`oxyq shards`, and how every other command finds the shard of the organization that it is about."""

import json
from pathlib import Path

import pytest

from tests.command_line import CommandLine
from tests.integration.shards.conftest import ORG, SOUTH, message

OTHER = "org_new"


@pytest.fixture
def oxyq(environment: dict[str, str], tmp_path: Path) -> CommandLine:
    """The command line of an installation with two shards and one organization at home."""
    command = CommandLine(tmp_path, **environment)
    assert command("orgs", "set", "-", stdin=json.dumps({"id": ORG, "name": "A"})).code == 0
    return command


def test_an_organization_is_moved_and_commands_follow_it(oxyq: CommandLine) -> None:
    assert oxyq("shards", "show", ORG).out == f"{ORG}: home\n"
    moved = oxyq("shards", "move", ORG, SOUTH)
    assert (moved.code, moved.out.split(",")[0]) == (0, f"{ORG}: at {SOUTH}")
    assert "copying" in moved.err
    # Commands about it work at south, and those about all at home or where they are told to
    assert oxyq("orgs", "show", ORG, "--json").json()["name"] == "A"
    assert oxyq("orgs", "set", "-", stdin=json.dumps({"id": ORG, "name": "B"})).out.startswith(f"{ORG}: changed")
    assert oxyq("orgs", "list", "--json").json()["organizations"] == []
    assert [one["id"] for one in oxyq("--shard", SOUTH, "orgs", "list", "--json").json()["organizations"]] == [ORG]
    assert oxyq("enqueue", "message", "-", stdin=json.dumps(message(ORG, 1))).code == 0
    shards = oxyq("shards", "list", "--json").json()
    assert shards == {
        "shards": [
            {"name": "home", "organizations": 0, "openJobs": 0},
            {"name": SOUTH, "organizations": 1, "openJobs": 1},
        ],
        "moving": {},
    }
    # And it is in the audit
    deeds = oxyq("audit", "list", "--json").json()
    assert [(deed["target"], deed["outcome"]) for deed in deeds if deed["action"] == "organization.move"] == [
        (ORG, "done")
    ]


def test_a_new_organization_is_pinned_before_it_is_there(oxyq: CommandLine) -> None:
    assert oxyq("shards", "pin", OTHER, SOUTH).out == f"{OTHER}: will be at {SOUTH}\n"
    assert oxyq("orgs", "set", "-", stdin=json.dumps({"id": OTHER, "name": "N"})).code == 0
    assert [one["id"] for one in oxyq("--shard", SOUTH, "orgs", "list", "--json").json()["organizations"]] == [OTHER]
    refused = oxyq("shards", "pin", OTHER, "home")
    assert (refused.code, f"oxyq shards move {OTHER} home" in refused.err) == (1, True)


def test_wrong_use_names_the_fix(oxyq: CommandLine) -> None:
    assert "there is no shard east; known are home, south" in oxyq("shards", "move", ORG, "east").err
    assert "there is no organization org_x at home" in oxyq("shards", "move", "org_x", SOUTH).err
    several = "\n".join(json.dumps(message(org, 1)) for org in (ORG, OTHER))
    refused = oxyq("enqueue", "message", "-", stdin=several)
    assert (refused.code, "give one file for each" in refused.err) == (2, True)


def test_workers_of_a_shard_that_is_not_there_do_not_start(oxyq: CommandLine) -> None:
    ended = oxyq.process("workers", "start", "--shard", "east")
    assert (ended.code, "there is no shard east; known are home, south" in ended.err) == (2, True)
