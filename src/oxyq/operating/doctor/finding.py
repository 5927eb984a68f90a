"""What a check found, and how bad that is."""

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from oxyq.outcomes import JsonValue

Level: TypeAlias = Literal["ok", "warning", "refuses"]
"""`refuses`: jobs are lost as it stands, or nothing works; production does not start with it."""
LEVELS: Final[tuple[Level, ...]] = ("ok", "warning", "refuses")


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: its name, how bad it is, what was found; and what to change, unless it is `ok`."""

    check: str
    level: Level
    found: str
    fix: str = ""

    def __str__(self) -> str:
        return f"{self.check}: {self.found}" + (f"; {self.fix}" if self.fix else "")

    def to_json(self) -> dict[str, JsonValue]:
        """As programs read it."""
        return {"check": self.check, "level": self.level, "found": self.found, "fix": self.fix or None}
