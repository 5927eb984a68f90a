"""Who is measured, and how each is started."""

import sys
from dataclasses import dataclass

from benchmarks.child import ROOT, Child
from benchmarks.figures import OURS
from benchmarks.installing import NODE_MODULES, PEERS_PYTHON


@dataclass(frozen=True, slots=True)
class Contestant:
    """One program. `share`: of the jobs of a round, so that slow ones take no hour; rates do not depend on it."""

    name: str
    title: str
    command: tuple[str, ...]
    is_bullmq: bool = False
    share: float = 1.0

    def start(self, redis_url: str) -> Child:
        """Its process; use it in a `with` block."""
        return Child([*self.command, redis_url])


def _module(python: str, name: str) -> tuple[str, ...]:
    return (python, "-m", f"benchmarks.peers.{name}")


CONTESTANTS = {
    one.name: one
    for one in (
        Contestant(OURS, "Oxyq", _module(sys.executable, "ours"), is_bullmq=True),
        Contestant("node", "BullMQ 6.7.0, Node", ("node", str(ROOT / "benchmarks/peers/node.mjs")), is_bullmq=True),
        Contestant("floor", "BullMQ's script, pipelined perfectly", _module(sys.executable, "floor"), is_bullmq=True),
        Contestant(
            "package", "bullmq 3.4.4, Python", _module(sys.executable, "bullmq_package"), is_bullmq=True, share=0.2
        ),
        Contestant("dramatiq", "dramatiq 2.2.1", _module(str(PEERS_PYTHON), "dramatiq_peer"), share=0.2),
        Contestant("huey", "huey 3.5.4 (no acknowledgements)", _module(str(PEERS_PYTHON), "huey_peer"), share=0.2),
    )
}
OTHER_PYTHON_QUEUES = ("dramatiq", "huey")


def missing() -> dict[str, str]:
    """Who cannot take part on this machine, and why."""
    absent = dict[str, str]()
    if not (NODE_MODULES / "bullmq").exists():
        absent["node"] = "its packages are not installed (Node 18 and npm are needed)"
    if not PEERS_PYTHON.exists():
        absent |= dict.fromkeys(OTHER_PYTHON_QUEUES, "their packages are not installed")
    return absent
