"""Places for an installation that is only read, and not run."""

from pathlib import Path

import pytest

from tests.deploy.service import Outside


@pytest.fixture
def outside(tmp_path: Path) -> Outside:
    """Made-up places."""
    return Outside("rediss://default:secret@redis.example:6379", tmp_path / "ca.crt", 3001, 3002, tmp_path)
