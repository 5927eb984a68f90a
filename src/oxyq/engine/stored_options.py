"""A job's options as BullMQ stores them, read once per distinct text: most jobs of a queue share theirs."""

from dataclasses import dataclass
from functools import lru_cache

from oxyq.engine.json_text import as_int, decode_json
from oxyq.engine.settlement import Keep
from oxyq.outcomes import JsonValue

#: Texts that are remembered, and bytes of the longest of them: half a megabyte at most.
REMEMBERED_TEXTS, LONGEST_REMEMBERED = 512, 1024


@dataclass(frozen=True, slots=True)
class StoredOptions:
    """What every attempt asks for; `keep_...` is None when the job leaves it to its worker. Shared: never change it.

    `delay_ms` is the delay the job was added with; the one in its hash becomes 0 when it has passed.
    """

    attempts: int
    delay_ms: int
    keep_completed: Keep | None
    keep_failed: Keep | None


def read_options(raw: bytes) -> StoredOptions:
    """Read the text of a job's options; raises ValueError when it is no JSON object."""
    return _remembered(raw) if len(raw) <= LONGEST_REMEMBERED else _read(raw)


def options_object(raw: bytes) -> dict[str, JsonValue]:
    """All of a job's options, as an object of one's own; raises ValueError, whose text goes on after "it is"."""
    try:
        options = decode_json(raw)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"not JSON: {error}") from None
    if not isinstance(options, dict):
        raise ValueError("not a JSON object")
    return options


def _read(raw: bytes) -> StoredOptions:
    options = options_object(raw)
    return StoredOptions(
        max(as_int(options.get("attempts")) or 1, 1),
        max(as_int(options.get("delay")) or 0, 0),
        _keep(options.get("removeOnComplete")),
        _keep(options.get("removeOnFail")),
    )


_remembered = lru_cache(REMEMBERED_TEXTS)(_read)


def _keep(wished: JsonValue) -> Keep | None:
    """Read BullMQ's removeOnComplete / removeOnFail: true, false, a count, or {count, age in seconds}."""
    if wished is None:
        return None
    if isinstance(wished, bool):
        return Keep(count=0) if wished else Keep()
    if isinstance(wished, dict):
        return Keep(as_int(wished.get("count")), as_int(wished.get("age")))
    count = as_int(wished)
    return None if count is None else Keep(count=count if count >= 0 else None)
