"""Reads render.yaml as Render does: what its services run, with which environment."""

import base64
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from tests.deploy.service import ROOT, Outside, Service

BLUEPRINT: Final = ROOT / "render.yaml"
BRIDGE_BLUEPRINT: Final = ROOT / "ops" / "render" / "bridge.yaml"
#: What Render waits when nothing is said.
STOP_SECONDS: Final = 30


def read(path: Path) -> dict[str, Any]:
    """A Blueprint as it was written."""
    found: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return found


def services(outside: Outside) -> list[Service]:
    """The services of both Blueprints, with everything that Render makes up for them."""
    main, bridge = read(BLUEPRINT), read(BRIDGE_BLUEPRINT)
    groups = {
        group["name"]: {entry["key"]: _value(entry, outside) for entry in group["envVars"]}
        for group in main["envVarGroups"]
    }
    found = [*main["services"], *bridge["services"]]
    return [_service(one, groups, outside) for one in found if one["type"] != "keyvalue"]


def _service(found: Mapping[str, Any], groups: Mapping[str, Mapping[str, str]], outside: Outside) -> Service:
    own = outside.moved(found["name"], dict(_environment(found["envVars"], groups, outside)))
    if found["type"] == "web":  # Render says by PORT where it forwards to
        own = {name: value for name, value in own.items() if name != "OXYQ_PORT"} | {"PORT": str(outside.api_port)}
    return Service(
        found["name"],
        ("bash", "-c", found["startCommand"]),
        own,
        found.get("maxShutdownDelaySeconds", STOP_SECONDS),
        found.get("healthCheckPath", "/health" if found["type"] == "pserv" else None),
        found["buildCommand"],
        found.get("preDeployCommand"),
        found.get("rootDir", "."),
    )


def _environment(
    entries: list[dict[str, Any]], groups: Mapping[str, Mapping[str, str]], outside: Outside
) -> Iterator[tuple[str, str]]:
    for entry in entries:
        if "fromGroup" in entry:
            yield from groups[entry["fromGroup"]].items()
        else:
            yield entry["key"], _value(entry, outside)


def _value(entry: Mapping[str, Any], outside: Outside) -> str:
    match entry:
        case {"value": value}:
            return str(value)
        case {"generateValue": True}:  # as Render's documentation has it: 256 bits in base64
            return base64.b64encode(secrets.token_bytes(32)).decode()
        case {"fromService": {"type": "keyvalue", "property": "connectionString"}}:
            return outside.redis_url
        case {"fromService": {"type": "web", "property": "hostport"}}:
            return f"127.0.0.1:{outside.api_port}"
        case {"fromService": {"type": "pserv", "property": "hostport"}}:
            return f"127.0.0.1:{outside.bridge_port}"
    raise ValueError(f"no rehearsal for {entry}")
