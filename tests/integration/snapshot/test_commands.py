"""`oxyq snapshot export|import`, as an operator runs them."""

import json
import stat
from pathlib import Path

import pytest
import redis

from tests.command_line import CommandLine
from tests.integration.snapshot.conftest import everything_on
from tests.integration.snapshot.test_round_trip import same
from tests.redis_server import RedisServer
from tests.versions.make_golden import SETTINGS

#: Written by each command that changes something.
AUDIT = ("audit", "audit-entry")


@pytest.fixture
def here(full: RedisServer, tmp_path: Path) -> CommandLine:
    """`oxyq` at the source."""
    return CommandLine(tmp_path, **SETTINGS, REDIS_URL=full.url)


@pytest.fixture
def there(empty: RedisServer, tmp_path: Path) -> CommandLine:
    """`oxyq` at the target, with the same key for secrets."""
    return CommandLine(tmp_path, **SETTINGS, REDIS_URL=empty.url)


def holdings(server: RedisServer) -> dict[str, object]:
    """What is compared, without the audit, to which each command adds."""
    return {name: value for name, value in same(everything_on(server)).items() if not is_audit(name)}


def is_audit(name: str) -> bool:
    """Whether this key is the audit's."""
    return name.startswith("oxyq:") and name.split(":")[2] in AUDIT


def test_from_one_server_to_another(
    here: CommandLine, there: CommandLine, full: RedisServer, empty: RedisServer, tmp_path: Path
) -> None:
    file = tmp_path / "all.ndjson.gz"

    exported = here("snapshot", "export", str(file), "--json")
    dry = there("snapshot", "import", str(file), "--dry-run", "--json")
    untouched = everything_on(empty)
    imported = there("snapshot", "import", str(file), "--json")

    assert (exported.code, dry.code, imported.code) == (0, 0, 0), (exported.err, dry.err, imported.err)
    # Then only its owner can read the file, whatever the umask
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    # and the dry run said what would be made, and made nothing
    assert dry.json()["wouldMake"] == exported.json()["counts"] and untouched == {}
    assert imported.json()["made"] == exported.json()["counts"]
    assert imported.json()["inHand"] == 1
    assert holdings(empty) == holdings(full)
    # and both are in the audit
    assert [entry["action"] for entry in there("audit", "list", "--json").json()[:1]] == ["snapshot.import"]


def test_through_a_pipe_with_the_queues_left_paused(
    here: CommandLine, there: CommandLine, full: RedisServer, empty: RedisServer
) -> None:
    exported = here.process("snapshot", "export", "-")
    imported = there("snapshot", "import", "-", "--paused", stdin=exported.out)

    assert (exported.code, imported.code) == (0, 0), (exported.err, imported.err)
    assert json.loads(exported.out.splitlines()[0])["exact"] is False
    before, after = everything_on(full), everything_on(empty)
    queues = {name: key["value"] for name, key in after.items() if name.endswith(":meta")}
    assert len(queues) == 4 and all(["paused", "1"] in value for value in queues.values())
    assert {name for name in same(before) if "org:org_123" in name} <= after.keys()


def test_one_organization_alone(here: CommandLine, there: CommandLine, empty: RedisServer, tmp_path: Path) -> None:
    file = str(tmp_path / "barber.ndjson")

    assert here("snapshot", "export", file, "--org", "org_456").code == 0
    assert there("snapshot", "import", file).code == 0

    assert there("orgs", "show", "org_456").code == 0
    assert "org_123" not in str(everything_on(empty))


def test_what_is_there_stays(here: CommandLine, there: CommandLine, empty: RedisServer, tmp_path: Path) -> None:
    file = str(tmp_path / "all.ndjson")
    assert here("snapshot", "export", file).code == 0
    shop = {"id": "org_123", "name": "Mine, newer"}
    assert there("orgs", "set", "-", stdin=json.dumps(shop)).code == 0

    refused = there("snapshot", "import", file)
    assert refused.code == 1 and "the target is not empty: there is a key of the family organization" in refused.err
    assert "--merge" in refused.err
    assert len([name for name in everything_on(empty) if not is_audit(name)]) == 2

    merged = there("snapshot", "import", file, "--merge", "--json")
    assert merged.code == 0 and merged.json()["wasThere"]["organization"] == 1
    assert there("orgs", "show", "org_123", "--json").json()["name"] == "Mine, newer"
    assert there("orgs", "show", "org_456").code == 0


def test_with_another_key_for_secrets_nothing_is_written(
    here: CommandLine, there: CommandLine, empty: RedisServer, tmp_path: Path
) -> None:
    file = str(tmp_path / "all.ndjson")
    assert here("snapshot", "export", file).code == 0
    there.settings["OXYQ_SECRETS_KEY"] = "another key of enough bytes to be one"

    refused = there("snapshot", "import", file)

    assert refused.code == 2 and "OXYQ_SECRETS_KEY" in refused.err and "wa_cloud:access_token" in refused.err
    assert [name for name in everything_on(empty) if not is_audit(name)] == []


def test_a_file_that_is_not_whole_is_refused_and_nothing_is_written(
    here: CommandLine, there: CommandLine, empty: RedisServer, tmp_path: Path
) -> None:
    file = tmp_path / "all.ndjson"
    assert here("snapshot", "export", str(file)).code == 0
    whole = file.read_bytes()
    for content, problem in (
        (whole[:-3], "is cut off"),
        (whole.replace(b'"org_123"', b'"org_124"', 1), "was changed"),
        (b"", "is no snapshot of Oxyq"),
    ):
        file.write_bytes(content)

        refused = there("snapshot", "import", str(file))

        assert refused.code == 1 and refused.err.startswith("Error: snapshot: ") and problem in refused.err
    assert there("snapshot", "import", str(tmp_path / "none.ndjson")).code == 1
    assert [name for name in everything_on(empty) if not is_audit(name)] == []


def test_an_import_that_broke_off_goes_on_without_merge(
    here: CommandLine, there: CommandLine, full: RedisServer, empty: RedisServer, tmp_path: Path
) -> None:
    file = str(tmp_path / "all.ndjson")
    sha256 = here("snapshot", "export", file, "--json").json()["sha256"]
    # Given that an import of this file had begun, and got this far
    with redis.Redis.from_url(empty.url) as client:
        client.set("oxyq:golden:snapshot-import", sha256)
        client.sadd("oxyq:golden:organizations", "org_123")

    assert there("snapshot", "import", file).code == 0

    assert holdings(empty) == holdings(full)
    assert "oxyq:golden:snapshot-import" not in everything_on(empty)


def test_no_such_organization_is_told_and_no_file_is_left(here: CommandLine, tmp_path: Path) -> None:
    refused = here("snapshot", "export", str(tmp_path / "x.ndjson"), "--org", "org_none")

    assert refused.code == 1 and "there is no organization org_none" in refused.err
    assert list(tmp_path.glob("*.ndjson*")) == []
