"""Both contenders, so that each regression is seen to bite the package and not us."""

from collections.abc import AsyncIterator

import pytest

from tests.conftest import StartRedis
from tests.fault_proxy import FaultProxy
from tests.integration.engine.regressions.contender import Contender, Ours, Package

BOTH = [
    pytest.param(Ours, id="ours"),
    # Its sockets and tasks are not ours to tidy: closing what hangs is the fault that some of these show.
    pytest.param(
        Package,
        id="the package shows the fault",
        marks=[
            pytest.mark.filterwarnings("ignore::ResourceWarning"),
            pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
            pytest.mark.filterwarnings("ignore::RuntimeWarning"),
        ],
    ),
]


@pytest.fixture(params=BOTH)
async def contender(
    request: pytest.FixtureRequest, redis_url: str, prefix: str, proxy: FaultProxy, start_redis: StartRedis
) -> AsyncIterator[Contender]:
    """One engine after the other; it works against the shared server unless the test changes its `url`.

    It asks for the proxy and the test's own servers so as to be closed before they are.
    """
    contender: Contender = request.param(redis_url, prefix)
    yield contender
    await contender.close()


@pytest.fixture
async def ours(redis_url: str, prefix: str, proxy: FaultProxy, start_redis: StartRedis) -> AsyncIterator[Ours]:
    """Ours alone, for what has no counterpart in the package."""
    ours = Ours(redis_url, prefix)
    yield ours
    await ours.close()
