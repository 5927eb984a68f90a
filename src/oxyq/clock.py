"""What time it is: the one clock of everything that is due at a time, which tests may set (oxyq.testing)."""

import time

_ahead_ms = 0


def now_ms() -> int:
    """Milliseconds since 1970 by this machine's clock, which is what BullMQ's scores are made of."""
    return time.time_ns() // 1_000_000 + _ahead_ms


def set_ahead_ms(ahead_ms: int) -> None:
    """Let `now_ms` go so far ahead of this machine's clock in this process (below 0: behind it); for tests only."""
    global _ahead_ms
    _ahead_ms = ahead_ms
