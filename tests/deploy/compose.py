"""Reads compose.yaml as Docker Compose does: variables put in, images' environments below those of services."""

import re
from collections.abc import Mapping
from typing import Any, Final

import yaml

from tests.deploy.dockerfile import IMAGES, image_environment, stages
from tests.deploy.service import ROOT, Outside, Service
from tests.redis_server import free_port

FILE: Final = ROOT / "compose.yaml"
_VARIABLE: Final = re.compile(r"\$(?:(\$)|\{(\w+)(?::([-?])([^}]*))?\})")


class Missing(Exception):
    """A variable that must be given is not; its text is what Compose says."""


def read(given: Mapping[str, str]) -> dict[str, Any]:
    """The file with these variables put in; Missing for one that must be given."""

    def value(found: re.Match[str]) -> str:
        dollar, name, sign, word = found.groups()
        if dollar:
            return "$"
        if given.get(name):
            return given[name]
        if sign == "?":
            raise Missing(f"{name}: {word}")
        return word or ""

    def put_in(node: Any) -> Any:
        match node:
            case str():
                return _VARIABLE.sub(value, node)
            case list():
                return [put_in(item) for item in node]
            case dict():
                return {key: put_in(item) for key, item in node.items()}
        return node

    written = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    found: dict[str, Any] = put_in({key: part for key, part in written.items() if not key.startswith("x-")})
    return found


def services(outside: Outside) -> list[Service]:
    """All services, Redis last; its password is made here, and its port is a free one."""
    made = outside.generated()
    found = read(made | {"REDIS_PASSWORD": made["OXYQ_JWT_SECRET"]})["services"]
    port = free_port()
    ours = [_service(name, one, port, outside) for name, one in found.items() if name != "redis"]
    return [*ours, _redis(found["redis"], port, outside)]


def _service(name: str, found: Mapping[str, Any], redis_port: int, outside: Outside) -> Service:
    image = found["image"].partition(":")[0]
    environment = {
        key: value.replace("redis:6379", f"127.0.0.1:{redis_port}") for key, value in found["environment"].items()
    }
    last = stages(IMAGES[image])[-1]
    [default] = last.all("CMD")
    command = found.get("command") or re.findall(r'"([^"]+)"', default)
    is_asked = not found.get("healthcheck", {}).get("disable", False)
    return Service(
        name,
        tuple(command),
        outside.moved(name, image_environment(image) | environment),
        seconds(found["stop_grace_period"]),
        last.health if is_asked else None,
        folder="bridge" if name == "bridge" else ".",
    )


def _redis(found: Mapping[str, Any], port: int, outside: Outside) -> Service:
    *shell, script = found["command"]
    return Service(
        "redis",
        (*shell, script.replace("redis-server ", f"redis-server --port {port} ")),
        found["environment"],
        seconds(found["stop_grace_period"]),
        ("sh", "-c", found["healthcheck"]["test"][1].replace("redis-cli", f"redis-cli -p {port}")),
        folder=str(outside.data),
    )


def seconds(period: str) -> float:
    """Of a duration such as `60s`."""
    assert period.endswith("s")
    return float(period.removesuffix("s"))
