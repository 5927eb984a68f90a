"""Reads systemd's units: what they run, with which environment."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tests.deploy.service import ROOT, Outside, Service

FOLDER: Final = ROOT / "ops" / "systemd"
#: Which units an installation has.
UNITS: Final = ("oxyq-api", "oxyq-workers@message", "oxyq-workers@automation", "oxyq-workers@campaign", "oxyq-bridge")
#: What an operator fills in and puts at /etc/oxyq/oxyq.env.
ENVIRONMENT_FILE: Final = FOLDER / "oxyq.env.template"

Unit = dict[str, list[str]]


def read(path: Path) -> Unit:
    """Every setting of a unit, whatever its section, with all its values in their order."""
    found: Unit = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if "=" in line and not line.startswith("#"):
            name, value = line.split("=", 1)
            found.setdefault(name, []).append(value)
    return found


def unit_file(name: str) -> Path:
    """Where a unit or its template lies."""
    template, at, _ = name.partition("@")
    return FOLDER / f"{template}{at}.service"


def template_names() -> list[str]:
    """The variables that the template of the environment file has."""
    lines = ENVIRONMENT_FILE.read_text(encoding="utf-8").splitlines()
    return [line.partition("=")[0] for line in lines if line and not line.startswith("#")]


def services(outside: Outside) -> list[Service]:
    """The processes of all units."""
    made = outside.generated()
    return [_service(name, {key: made[key] for key in template_names()}, outside) for name in UNITS]


def _service(name: str, filled_in: Mapping[str, str], outside: Outside) -> Service:
    unit = read(unit_file(name))
    words = {
        "%i": name.partition("@")[2],
        "%S": str(outside.data),
        "/opt/oxyq/bin/": "",
        "/opt/oxyq/bridge/": "bridge/",
    }

    def put_in(text: str) -> str:
        for word, value in words.items():
            text = text.replace(word, value)
        return text

    [start], [stop] = unit["ExecStart"], unit["TimeoutStopSec"]
    own = dict(pair.split("=", 1) for line in unit["Environment"] for pair in shlex.split(put_in(line)))
    # What stands in the file wins, as systemd has it.
    return Service(
        name,
        tuple(shlex.split(put_in(start))),
        outside.moved(name, {**own, **filled_in}),
        float(stop),
        "/health" if name in ("oxyq-api", "oxyq-bridge") else None,
    )
