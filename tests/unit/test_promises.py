"""What the documents promise is enforced: each test that they name exists, and no row is without one."""

import ast
import re
from functools import lru_cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROMISES = ("docs/semantics.md", "docs/promessas.md", "docs/faults.md", "docs/security.md")
#: `tests/unit/test_x.py::test_y`, `…::test_z` (the file named before it in the same row), `tests/interop` (a folder).
_NAMED = re.compile(r"`((?:tests|bridge)/[\w./-]+|…)(?:::(\w+))?`")
_FAULTS = 58


def _rows(document: str) -> list[list[str]]:
    """The rows of every table whose last column is for tests."""
    rows: list[list[str]] = []
    header: list[str] | None = None
    for line in (ROOT / document).read_text(encoding="utf-8").splitlines():
        if not line.startswith("|"):
            header = None
            continue
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if header is None:
            header = cells
        elif header[-1] in ("tests", "testes") and not set(line) <= set("-| "):
            rows.append(cells)
    return rows


def _named(row: list[str]) -> list[tuple[str, str | None]]:
    """The files and tests that a row names."""
    named: list[tuple[str, str | None]] = []
    file = ""
    for path, test in _NAMED.findall(row[-1]):
        file = path if path != "…" else file
        named.append((file, test or None))
    return named


@lru_cache
def _tests_in(path: Path) -> frozenset[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


@pytest.mark.parametrize("document", PROMISES)
def test_each_row_names_a_test_that_exists(document: str) -> None:
    """A promise without a test is not published, and a renamed test takes its promise along."""
    rows = _rows(document)
    assert rows
    wrong = []
    for row in rows:
        named = _named(row)
        # A fault may have a reason in words instead; a promise may not.
        if not named and not (document.endswith("faults.md") and len(row[-1]) > 20):
            wrong.append(f"no test: {' | '.join(row)[:100]}")
        for file, test in named:
            path = ROOT / file
            if not path.exists():
                wrong.append(f"no such file: {file}")
            elif test is not None and test not in _tests_in(path):
                wrong.append(f"no such test: {file}::{test}")
    assert not wrong, "\n".join(wrong)


def test_every_fault_of_the_matrix_has_its_row() -> None:
    numbers = [int(row[0]) for row in _rows("docs/faults.md")]
    assert numbers == list(range(1, _FAULTS + 1))
    assert all(len(row) == 4 and row[2] for row in _rows("docs/faults.md")), "say what then happens"
