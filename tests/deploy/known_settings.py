"""Which variables a deployment file may set."""

from collections.abc import Iterable, Mapping
from typing import Final

from oxyq.queues import OVERRIDE_NAMES
from oxyq.settings import Settings, load_settings, settings_table

#: What the platforms, Python and Node read.
OTHERS: Final = frozenset(
    ("PORT", "PYTHON_VERSION", "NODE_VERSION", "NODE_ENV", "PYTHONDONTWRITEBYTECODE", "POD_NAME")
) | {"BRIDGE_HOSTPORT", "API_HOSTPORT"}  # put together to addresses by the bridge's start command
_OURS: Final = frozenset(name for name, _, _ in settings_table()) | OVERRIDE_NAMES.keys()


def unknown(names: Iterable[str]) -> set[str]:
    """Those that nobody reads: a process of ours would refuse to start with them."""
    return set(names) - _OURS - OTHERS


def production_settings(environment: Mapping[str, str]) -> Settings:
    """What a process makes of this environment; ConfigurationError for what it refuses."""
    settings = load_settings(environment)
    assert settings.is_production, "made for production, it runs in development"
    return settings
