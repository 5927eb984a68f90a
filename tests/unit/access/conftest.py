"""Settings for tokens; nothing here asks Redis."""

import pytest

from oxyq.settings import Settings, load_settings
from tests.unit.access.forge import SECRET


@pytest.fixture(scope="session")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings whose Redis does not exist."""
    folder = tmp_path_factory.mktemp("data")
    return load_settings(
        {"REDIS_URL": f"unix://{folder}/nobody.sock", "OXYQ_JWT_SECRET": SECRET, "OXYQ_DATA_DIR": str(folder)}
    )
