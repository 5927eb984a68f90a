"""The command line without a Redis behind it."""

from pathlib import Path

import pytest

from tests.command_line import CommandLine


@pytest.fixture
def oxyq(tmp_path: Path) -> CommandLine:
    """`oxyq …` where every look for Redis fails, so that what is refused must be refused before it."""
    return CommandLine(tmp_path, REDIS_URL="redis://127.0.0.1:1")
