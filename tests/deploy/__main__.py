"""`make rehearse`: what the deployment files say is built and run here, and must do what an installation does.

In a clean checkout and a fresh environment, with generated secrets, against a Redis with TLS and a password (Docker
Compose brings its own). WhatsApp is a file. Without an argument: every platform.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from tests.deploy import compose, installation, kubernetes, render, story, systemd
from tests.deploy.service import Outside, Service
from tests.redis_server import RedisServer, free_port

PLATFORMS: Final[dict[str, Callable[[Outside], list[Service]]]] = {
    "render": render.services,
    "compose": compose.services,
    "systemd": systemd.services,
    "kubernetes": kubernetes.services,
}


def main() -> int:
    """0 when every platform that was asked for did all that it should."""
    parser = argparse.ArgumentParser(prog="python -m tests.deploy", description=__doc__)
    parser.add_argument("platform", nargs="*", default=[*PLATFORMS], help=", ".join(PLATFORMS))
    asked = parser.parse_args().platform
    if unknown := set(asked) - PLATFORMS.keys():
        parser.error(f"no such platform: {', '.join(sorted(unknown))}; known are {', '.join(PLATFORMS)}")
    with tempfile.TemporaryDirectory(prefix="oxyq-rehearsal-") as folder:
        return rehearse(asked, Path(folder))


def rehearse(platforms: list[str], folder: Path) -> int:
    """Build once, as render.yaml has it, then play the story on each platform."""
    began = time.monotonic()

    def tell(line: str) -> None:
        print(f"{time.monotonic() - began:6.1f} s  {line}", flush=True)

    checkout = installation.check_out(folder / "checkout")
    path = ""
    for platform in platforms:
        data = folder / platform
        data.mkdir()
        with redis_with_tls(data) as server:
            outside = outside_of(server, data)
            services = PLATFORMS[platform](outside)
            try:
                path = path or installation.build(render.services(outside), checkout, tell)
                tell(f"--- {platform}")
                for service in services:
                    if service.before is not None:
                        ca = {"OXYQ_REDIS_CA_FILE": str(outside.redis_ca)}
                        installation.run(service.before, path, checkout, **service.environment, **ca)
                        tell(f"{service.name}: {service.before}")
                story.play(services, outside, checkout, path, tell)
            except (AssertionError, TimeoutError) as error:
                tell(f"FAILED on {platform}: {error}")
                return 1
    tell(f"all is well on {', '.join(platforms)}")
    return 0


def redis_with_tls(folder: Path) -> RedisServer:
    """As hosted ones are: TLS, a password, nothing thrown away."""
    return RedisServer(
        folder, "--appendonly", "yes", "--maxmemory-policy", "noeviction", password="of-a-rehearsal", tls=True
    )


def outside_of(server: RedisServer, data: Path) -> Outside:
    """A rehearsal's places around this server."""
    assert server.ca_file is not None
    return Outside(server.url, server.ca_file, free_port(), free_port(), data)


if __name__ == "__main__":
    sys.exit(main())
