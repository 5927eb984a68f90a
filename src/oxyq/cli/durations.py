"""Durations as people write them: 7d, 12h, 30m, 90s, 500ms, 1h30m."""

import re

import typer

_UNITS = {"w": 604_800.0, "d": 86_400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_PART = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,6})?)(ms|[wdhms])", re.ASCII)
_LONGEST_SECONDS = 100 * 366 * 86_400.0


class Duration(float):
    """Seconds, written with their unit."""

    @classmethod
    def parse(cls, text: "str | Duration") -> "Duration":
        """Read one; raises typer.BadParameter, which names the option, for anything else."""
        if isinstance(text, Duration):
            return text
        written = text.strip().lower()
        parts = _PART.findall(written)
        if not parts or "".join(number + unit for number, unit in parts) != written:
            raise typer.BadParameter(f"{text[:40]!r} is no duration; {_hint(written)}")
        seconds = sum(float(number) * _UNITS[unit] for number, unit in parts)
        if seconds > _LONGEST_SECONDS:
            raise typer.BadParameter(f"{text[:40]!r} is more than 100 years; give a shorter one")
        return cls(seconds)

    @property
    def milliseconds(self) -> int:
        """The same in whole milliseconds."""
        return round(self * 1000)

    def __str__(self) -> str:
        for unit in ("d", "h", "m", "s"):
            if self >= _UNITS[unit] and self % _UNITS[unit] == 0:
                return f"{int(self // _UNITS[unit])}{unit}"
        return f"{self * 1000:g}ms"


def _hint(written: str) -> str:
    if re.fullmatch(r"[0-9]+(\.[0-9]+)?", written):
        return f"give its unit, such as {written}s, {written}h or {written}d"
    if written.startswith("-"):
        return "it cannot be negative"
    return "write a number and a unit: 7d, 12h, 30m, 90s or 500ms"
