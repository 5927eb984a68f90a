"""A file that is there only when it is whole."""

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, TextIO

from oxyq.cli.endings import WrongUse


@contextmanager
def complete_file(name: str, mode: int = 0o666) -> Iterator[TextIO]:
    """Write a text file (UTF-8) beside `name` and put it there in the end; when that fails, nothing is left of it.

    `mode`: who may read it, before the umask. Raises WrongUse where no file can be put, OSError.
    """
    with complete_bytes(name, mode) as raw:
        file = io.TextIOWrapper(raw, encoding="utf-8", newline="")
        yield file
        file.detach()


@contextmanager
def complete_bytes(name: str, mode: int = 0o666) -> Iterator[BinaryIO]:
    """As `complete_file`, for bytes; they are on the disk before the file is there."""
    path = Path(name).resolve()  # what a link points to, so that the link stays
    if path.exists() and not path.is_file():
        raise WrongUse(f"{name} is no ordinary file; name another, or leave --output out and use >")
    if not path.parent.is_dir():
        raise WrongUse(f"{name}: there is no folder {path.parent}; make it first")
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        # Nobody gets to read it in the moment before its mode is set.
        with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
