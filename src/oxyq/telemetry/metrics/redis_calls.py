"""What a process says to Redis, as metrics."""

from oxyq.engine.hub import Hub
from oxyq.telemetry.metrics.measured import Values


def redis_calls(hub: Hub) -> dict[str, Values]:
    """Of its own two connections; what goes over redis-py, off the hot path, is not in it."""
    connections = (hub.commands, hub.waiting)
    return {
        "oxyq_redis_calls_total": {(): float(sum(one.calls for one in connections))},
        "oxyq_redis_connects_total": {(): float(sum(one.tries for one in connections))},
    }
