"""What must be so of this machine and our settings: a table of rules, each from the settings to one finding."""

import shutil
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, TypeAlias

from pydantic import SecretStr

from oxyq.engine.address import Address
from oxyq.engine.keys import LONGEST_JOB_ID
from oxyq.operating.doctor.finding import Finding, Level
from oxyq.settings import Settings

LEAST_FREE_BYTES: Final = 1_000_000_000
LEAST_FREE_PERCENT: Final = 5
#: Text of so few different characters was typed, and not made by chance: 32 of them in hex nearly always have more.
LEAST_CHARACTERS: Final = 8
_MOST_NAMED: Final = 3
_LOCAL: Final = ("localhost", "127.0.0.1", "::1")

Judge: TypeAlias = Callable[[Settings, Address], tuple[Level, str, str]]


def machine_findings(settings: Settings, address: Address) -> list[Finding]:
    """Everything about this machine; reads folders, so not for the event loop."""
    return [Finding(check, *judge(settings, address)) for check, judge in RULES.items()]


def _environment(settings: Settings, address: Address) -> tuple[Level, str, str]:
    if not settings.is_production and not _is_here(address):
        return (
            "warning", "development, with a Redis that is elsewhere: what loses jobs is only warned of",
            "set OXYQ_ENV=production where people are written to",
        )  # fmt: skip
    return "ok", settings.env, ""


def _transport(settings: Settings, address: Address) -> tuple[Level, str, str]:
    if _is_here(address):
        return "ok", "Redis is on this machine", ""
    if not address.tls:
        return (
            "warning", "Redis is reached without TLS: whoever is in between reads and changes everything",
            "write rediss:// in REDIS_URL, unless the network is all yours",
        )  # fmt: skip
    if not address.verify_tls:
        return (
            "warning", "any certificate is taken", "remove OXYQ_REDIS_TLS_VERIFY, and set OXYQ_REDIS_CA_FILE if needed"
        )  # fmt: skip
    return "ok", "TLS, and the certificate is checked", ""


def _is_here(address: Address) -> bool:
    return address.path is not None or (address.via is None and address.host in _LOCAL)


def _keys(settings: Settings, address: Address) -> tuple[Level, str, str]:
    prefix = settings.redis_prefix
    return (
        "ok",
        f"ours begin with {prefix}: or oxyq:{prefix}:, and job ids have at most {LONGEST_JOB_ID} characters",
        "",
    )


def _secrets(settings: Settings, address: Address) -> tuple[Level, str, str]:
    given: dict[str, SecretStr | None] = {
        "OXYQ_JWT_SECRET": settings.jwt_secret,
        "OXYQ_SECRETS_KEY": settings.secrets_key,
        "OXYQ_BRIDGE_KEY": settings.bridge_key,
    }
    values = {name: secret.get_secret_value() for name, secret in given.items() if secret is not None}
    weak = [name for name, value in values.items() if len(set(value)) < LEAST_CHARACTERS]
    make = "make each with: openssl rand -hex 32"
    if weak:
        return "warning", f"{', '.join(weak)} can be guessed", make
    if len(set(values.values())) < len(values):
        return "warning", "one secret is used for several things: who learns it has all of them", make
    if settings.is_production and settings.secrets_key is None:
        return (
            "warning", "OXYQ_SECRETS_KEY is not set: numbers whose gateways need a secret cannot be used", make
        )  # fmt: skip
    return "ok", f"{len(values)} set" + ("" if settings.is_production else "; those that are not are made here"), ""


def _disk(settings: Settings, address: Address) -> tuple[Level, str, str]:
    place = _nearest(settings.data_dir)
    usage = shutil.disk_usage(place)
    found = f"{usage.free / 1_000_000_000:,.1f} GB free at {place}"
    if usage.free < LEAST_FREE_BYTES or usage.free * 100 < usage.total * LEAST_FREE_PERCENT:
        return "warning", found, "make room, or set OXYQ_DATA_DIR to another disk"
    return "ok", found, ""


def _modes(settings: Settings, address: Address) -> tuple[Level, str, str]:
    folder = settings.data_dir
    if not folder.is_dir():
        return "ok", f"{folder} is not there yet", ""
    open_to_others = sorted(_open_to_others(folder))
    if not open_to_others:
        return "ok", f"only this user reads {folder}", ""
    shown = ", ".join(open_to_others[:_MOST_NAMED]) + (", …" if len(open_to_others) > _MOST_NAMED else "")
    return "warning", f"others may read {shown}", f"chmod -R go= {folder}"


def _open_to_others(folder: Path) -> Iterator[str]:
    """The folder is what counts: behind a closed one nobody reads a file. Keys are to be closed all the same."""
    if stat.S_IMODE(folder.stat().st_mode) & 0o077:
        yield str(folder)
    for path in folder.iterdir():
        if path.is_file() and path.name.endswith(("-key", "-secret")) and stat.S_IMODE(path.stat().st_mode) & 0o077:
            yield str(path)


def _nearest(folder: Path) -> Path:
    """The folder, or what of its path there is."""
    absolute = folder.absolute()
    return next(place for place in (absolute, *absolute.parents) if place.exists())


RULES: Final[dict[str, Judge]] = {
    "environment": _environment,
    "tls": _transport,
    "keys": _keys,
    "secrets": _secrets,
    "disk": _disk,
    "file modes": _modes,
}
