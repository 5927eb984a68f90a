"""The engine's Lua comes from the `bullmq` package: when a single character of it changes under us, this fails."""

import importlib.metadata
import json
from hashlib import sha256
from pathlib import Path

from oxyq.engine import scripts
from oxyq.engine.scripts import BULLMQ_VERSION, PACKAGE_SCRIPTS

#: Script -> the beginning of its SHA-256, for `version` of the package.
KNOWN = Path(__file__).parent / "bullmq_scripts.json"
WHAT_TO_DO = (
    "BullMQ's scripts changed under us. Read the difference of each script that is named here between both versions; "
    "correct src/oxyq/engine/scripts.py, our own lua/ and HEADERS in tests/unit/engine/test_scripts.py; run "
    "tests/interop and tests/versions with the new package, which begin with jobs of the old one (golden/); then write "
    "the new sums: python -m tests.versions.test_engine_package"
)


def sums() -> dict[str, object]:
    """The version of the installed package, and of each of its scripts that we call the beginning of its SHA-256."""
    scripts_sums = {
        name: sha256(scripts.package_text(name).encode()).hexdigest()[:16] for name in sorted(PACKAGE_SCRIPTS)
    }
    return {"version": importlib.metadata.version("bullmq"), "scripts": scripts_sums}


def test_scripts_that_we_call_are_those_we_know() -> None:
    known, installed = json.loads(KNOWN.read_text()), sums()

    assert installed == known, WHAT_TO_DO
    assert known["version"] == BULLMQ_VERSION, WHAT_TO_DO


if __name__ == "__main__":
    KNOWN.write_text(json.dumps(sums(), indent=1) + "\n")
