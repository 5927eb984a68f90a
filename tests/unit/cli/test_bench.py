"""`oxyq bench`: where it looks for the benchmarks."""

from pathlib import Path

import pytest

from oxyq.cli.bench import source_tree
from oxyq.cli.endings import WrongUse


def test_the_first_folder_with_benchmarks_is_taken(tmp_path: Path) -> None:
    bare, source = tmp_path / "bare", tmp_path / "source"
    (source / "benchmarks").mkdir(parents=True)
    (source / "benchmarks" / "__main__.py").touch()

    assert source_tree(bare, source) == source


def test_without_the_source_it_says_where_the_benchmarks_are(tmp_path: Path) -> None:
    with pytest.raises(WrongUse, match=r"source tree.*make bench"):
        source_tree(tmp_path)
