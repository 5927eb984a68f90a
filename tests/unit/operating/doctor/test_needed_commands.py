"""The list of commands that we need, compared with the scripts that use them."""

import re
from importlib.resources import files

from oxyq.engine import scripts
from oxyq.operating.doctor.needed_commands import NEEDED

#: Of use to whoever has them, and asked about by nobody: only erasing a person takes them (docs/how-to/redis.md).
ONLY_TO_ERASE = {"XINFO", "XSETID"}
_CALL = re.compile(r"""(?:rcall|redis\.call)\(\s*["']([A-Za-z]+)["']""")


def test_every_command_of_a_script_is_asked_about() -> None:
    """Ours, and those of the package that we run: one that is forgotten fails in the middle of somebody's work."""
    ours = [path.read_text() for path in files("oxyq").rglob("*.lua")]  # type: ignore[attr-defined]
    source = files("oxyq.engine").joinpath("scripts.py").read_text()
    names = set(re.findall(r'_package\(\s*"(\w+)"', source))
    names |= {name for text in ours for name in re.findall(r"--@bullmq (\w+)", text)}
    assert len(names) > 20, "the way in which scripts are named has changed"

    texts = [*ours, *(scripts.package_text(name) for name in names)]
    used = {command.upper() for text in texts for command in _CALL.findall(text)}

    assert used > {"HSET", "ZADD", "XADD"}
    assert used - {str(command[0]) for command in NEEDED} - {"SET"} == ONLY_TO_ERASE
