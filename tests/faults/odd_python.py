"""A Python that is odd in one way from its start, for a process of its own."""

import os
import textwrap
from pathlib import Path


def odd_python(folder: Path, source: str) -> dict[str, str]:
    """The environment in which every Python process first runs `source`."""
    (folder / "sitecustomize.py").write_text(textwrap.dedent(source))
    return {"PYTHONPATH": os.pathsep.join(filter(None, (str(folder), os.environ.get("PYTHONPATH"))))}
