"""The release before this one, from the wheel that lies here (README.md says how the next is made)."""

import zipfile
from pathlib import Path

HERE = Path(__file__).parent
[WHEEL] = HERE.glob("oxyq-*.whl")
#: Its version, such as "0.2.0".
PREVIOUS = WHEEL.name.split("-")[1]


def unpacked(folder: Path) -> Path:
    """Unpack its package into `folder`, which is then of use in PYTHONPATH; what it depends on is ours."""
    with zipfile.ZipFile(WHEEL) as wheel:
        wheel.extractall(folder)
    return folder
