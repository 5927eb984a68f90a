"""Where in the code something happened, for a log line: a file, a line, a function, and nothing of what they hold."""

import traceback
from pathlib import Path


def place(frame: traceback.FrameSummary) -> str:
    """Such as "pool.py:40 in start"."""
    return f"{Path(frame.filename).name}:{frame.lineno} in {frame.name}"
