"""One process as a platform runs it, whichever platform it is."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.redis_server import free_port

ROOT: Final = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Service:
    """What a platform starts, with which environment, and how long it waits for its end."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    #: Between SIGTERM and SIGKILL.
    stop_seconds: float
    #: How it is asked whether it is well: a path, or a command that ends with 0. None: it is not.
    health: str | tuple[str, ...] | None = None
    #: Commands in the checkout: one that builds it, one before it is started.
    build: str | None = None
    before: str | None = None
    #: In the checkout.
    folder: str = "."


@dataclass(frozen=True, slots=True)
class Outside:
    """What stands around an installation, made for one rehearsal."""

    redis_url: str
    #: The authority of its certificate.
    redis_ca: Path
    api_port: int
    bridge_port: int
    #: A folder that the services may write to.
    data: Path

    def generated(self) -> dict[str, str]:
        """The secrets that an operator makes with `openssl rand -hex 32`, and where Redis is."""
        names = ("OXYQ_JWT_SECRET", "OXYQ_SECRETS_KEY", "OXYQ_BRIDGE_KEY", "OXYQ_METRICS_TOKEN")
        return {"REDIS_URL": self.redis_url, **{name: secrets.token_hex(32) for name in names}}

    def moved(self, name: str, environment: Mapping[str, str]) -> dict[str, str]:
        """An environment with the places of this machine, where the platform has a network or a disk of its own."""
        here = {
            "http://api:3001": f"http://127.0.0.1:{self.api_port}",
            "http://oxyq-api": f"http://127.0.0.1:{self.api_port}",
            "http://bridge:3002": f"http://127.0.0.1:{self.bridge_port}",
            "http://oxyq-bridge-0.oxyq-bridge:3002": f"http://127.0.0.1:{self.bridge_port}",
            "/var/lib/oxyq": str(self.data),
        }
        moved = {key: _replaced(value, here) for key, value in environment.items()}
        if "OXYQ_METRICS_PORT" in moved:  # elsewhere each process has a machine of its own
            moved["OXYQ_METRICS_PORT"] = str(free_port())
        return {**moved, **self._ports(name)}

    def _ports(self, name: str) -> dict[str, str]:
        if name.endswith("api"):
            return {"OXYQ_PORT": str(self.api_port)}
        return {"OXYQ_BRIDGE_PORT": str(self.bridge_port)} if name.endswith("bridge") else {}


def _replaced(text: str, words: Mapping[str, str]) -> str:
    for word, other in words.items():
        text = text.replace(word, other)
    return text
