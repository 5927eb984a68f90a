"""The exit codes of all commands."""

from typing import Final

from oxyq.errors import OxyqError

OK: Final = 0
FAILED: Final = 1
WRONG_USE: Final = 2
#: A command that a signal ended says so as a shell does: 130 for Ctrl-C, 143 for SIGTERM.
SIGNALLED: Final = 128


class WrongUse(OxyqError):
    """The command cannot be run as it was asked for; the message says how to ask."""
