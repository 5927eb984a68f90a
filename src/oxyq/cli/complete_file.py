"""A file that is there only when it is whole."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from oxyq.cli.endings import WrongUse


@contextmanager
def complete_file(name: str) -> Iterator[TextIO]:
    """Write a text file (UTF-8) beside `name` and put it there in the end; when that fails, nothing is left of it.

    Raises WrongUse where no file can be put, OSError.
    """
    path = Path(name).resolve()  # what a link points to, so that the link stays
    if path.exists() and not path.is_file():
        raise WrongUse(f"{name} is no ordinary file; name another, or leave --output out and use >")
    if not path.parent.is_dir():
        raise WrongUse(f"{name}: there is no folder {path.parent}; make it first")
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with beside.open("w", encoding="utf-8", newline="") as file:
            yield file
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
