"""`python -m tests.versions.make_golden`: what the release before this one leaves behind, into golden/.

Runs its wheel on a server of its own (installation.py), and writes all keys down. README.md says when.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import redis

from tests.redis_server import RedisServer
from tests.versions.dump import Key, keys_of, save
from tests.versions.previous import HERE, PREVIOUS, unpacked

GOLDEN = HERE / "golden"
PREFIX = "golden"
#: Made up, and known to everybody: what they seal and sign is made up too.
SETTINGS = {
    "OXYQ_REDIS_PREFIX": PREFIX,
    "OXYQ_SECRETS_KEY": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
    "OXYQ_JWT_SECRET": "a-secret-for-tests-of-forty-characters..",
    # Failures shall end, and limits not be met before the numbers' own.
    "OXYQ_MESSAGE_ATTEMPTS": "1",
    "OXYQ_CAMPAIGN_ATTEMPTS": "1",
    "OXYQ_AUTOMATION_ATTEMPTS": "1",
}


def live(source: Path, folder: Path, redis_url: str) -> None:
    """Let an installation of the release in `source` live until it is cut off."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OXYQ_", "REDIS_URL"))}
    path = os.pathsep.join((str(source), str(HERE.parents[1])))
    ended = subprocess.run(
        [sys.executable, "-m", "tests.versions.installation"], capture_output=True, text=True, check=False, timeout=60,
        env={**kept, **SETTINGS, "REDIS_URL": redis_url, "OXYQ_DATA_DIR": str(folder), "PYTHONPATH": path},
    )  # fmt: skip
    # It kills itself when it has done all.
    assert ended.returncode == -9, ended.stderr


def everything(server: RedisServer) -> list[Key]:
    """All keys of a server."""
    with redis.Redis.from_url(server.url) as client:
        return list(keys_of(client))


def main() -> None:
    """Make the golden files of the release before this one."""
    with tempfile.TemporaryDirectory() as folder:
        redis_folder, data, source = (Path(folder, name) for name in ("redis", "data", "source"))
        for made in (redis_folder, data, source):
            made.mkdir()
        with RedisServer(redis_folder) as server:
            live(unpacked(source), data, server.url)
            target = GOLDEN / PREVIOUS
            save(everything(server), target / "keys.jsonl", source)
            (target / "sent.jsonl").write_text((data / "simulator.jsonl").read_text())


if __name__ == "__main__":
    main()
