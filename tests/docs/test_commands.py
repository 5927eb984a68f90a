"""Every command on every page works as a reader finds it, or says why nobody can run it here."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.pages import DOCUMENTS, READ, RUN, TWINS, Page
from tests.docs.quick_oxyq import quick_oxyq
from tests.docs.reader import Reader
from tests.requirements import require

#: A reason shorter than this is none.
_SHORTEST_REASON = 15


def _has_commands(name: str) -> bool:
    return any(
        block.language in RUN and not (block.note or "").startswith("not run: ") for block in Page.of(name).blocks
    )


#: What the Portuguese pages run is the same (test_twins.py), so it is run once.
EXECUTED = [name for name in DOCUMENTS if name not in TWINS and _has_commands(name)]


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with an `oxyq` that need not be loaded anew for each command."""
    with quick_oxyq(tmp_path_factory.mktemp("programs")) as folder:
        yield folder


@pytest.mark.parametrize("name", EXECUTED)
@pytest.mark.timeout(240)
def test_commands_of_a_page_work_in_their_order(name: str, tmp_path: Path, programs: Path) -> None:
    require("curl", "redis-server")

    Reader(Page.of(name), tmp_path / "reader", programs).read()


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_block_is_run_or_says_why_not(name: str) -> None:
    for block in Page.of(name).blocks:
        assert block.language in RUN | READ | {""}, (
            f"{block.place}: {block.language} is not known here; write sh or python"
        )
        if (block.note or "").startswith("not run"):
            reason = (block.note or "").removeprefix("not run: ")
            assert len(reason) >= _SHORTEST_REASON, f"{block.place}: say why"
