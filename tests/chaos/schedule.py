"""What is broken when: pure data, made from a seed before anything starts, so that a run can be played again."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from tests.chaos.lanes import Lane

WORKERS: Final = ("worker-1", "worker-2", "worker-3")
#: Processes that reach Redis through a proxy of their own.
CLIENTS: Final = (*WORKERS, "api", "producer")

FaultName: TypeAlias = Literal[
    "worker killed", "worker frozen", "worker partitioned", "worker stopped", "producer killed", "api killed",
    "redis killed", "redis frozen", "connections cut", "connections refused", "replies lost", "redis slow",
    "redis byte by byte", "gateway errors", "gateway slows down", "gateway killed", "gateway hangs up", "gateway slow",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that can be broken."""

    name: FaultName
    targets: tuple[str, ...]
    seconds: tuple[float, float] | None
    """How long it lasts, at random between these; None: as long as the lane freezes things."""
    interrupts: bool = False
    """Whether jobs in hand may be taken over by others, and so run again."""
    is_taken_over: bool = False
    """Whether others go on with its jobs while it lasts, so that time counts from its beginning."""


#: Of the two ends of a length, the shorter is what a restart takes anyhow.
FAULTS: Final = (
    Fault("worker killed", WORKERS, (0.2, 3), interrupts=True, is_taken_over=True),
    Fault("worker frozen", WORKERS, None, interrupts=True, is_taken_over=True),
    Fault("worker partitioned", WORKERS, None, interrupts=True, is_taken_over=True),
    Fault("worker stopped", WORKERS, (0, 0)),
    Fault("producer killed", ("producer",), (0.1, 2)),
    Fault("api killed", ("api",), (0.1, 2)),
    Fault("redis killed", ("redis",), (0.2, 3), interrupts=True),
    Fault("redis frozen", ("redis",), None, interrupts=True),
    Fault("connections cut", (*CLIENTS, "all"), (0, 0)),
    Fault("connections refused", (*CLIENTS, "all"), (0.5, 2)),
    Fault("replies lost", (*CLIENTS, "all"), (0.5, 2)),
    Fault("redis slow", (*CLIENTS, "all"), (1, 3)),
    Fault("redis byte by byte", (*CLIENTS, "all"), (1, 3)),
    Fault("gateway errors", ("gateway",), (0.5, 2)),
    Fault("gateway slows down", ("gateway",), (0.5, 2)),
    Fault("gateway killed", ("gateway",), (0.2, 2)),
    Fault("gateway hangs up", ("gateway",), (0.2, 1)),
    Fault("gateway slow", ("gateway",), (1, 3)),
)
BY_NAME: Final = {fault.name: fault for fault in FAULTS}

#: Until the processes have work in hand.
FIRST_SECOND: Final = 2.0
MOST_IN_A_WAVE: Final = 3
#: From one fault of a wave to the next.
WAVE_SECONDS: Final = 1.5


@dataclass(frozen=True, slots=True)
class Strike:
    """At `second` of the run `target` is broken as `fault` says, for `seconds`."""

    second: float
    fault: FaultName
    target: str
    seconds: float

    @property
    def ends(self) -> float:
        """When it is whole again."""
        return self.second + self.seconds

    def __str__(self) -> str:
        return f"{self.second:6.1f} s  {self.fault}: {self.target}, {self.seconds:.1f} s"


@dataclass(frozen=True, slots=True)
class Schedule:
    """One run: its faults in the order of time, how Redis keeps its file, and how long jobs come in."""

    seed: int
    appendfsync: Literal["always", "everysec"]
    strikes: tuple[Strike, ...]
    seconds: float

    def __str__(self) -> str:
        head = f"seed {self.seed}: appendfsync {self.appendfsync}, {self.seconds:.0f} s, {len(self.strikes)} faults"
        return "\n".join((head, *map(str, self.strikes)))


def schedule(seed: int, lane: Lane, jobs: int) -> Schedule:
    """The run of this seed in this lane; the same every time, and the same faults for any number of jobs."""
    chance = random.Random(f"{lane.name} {seed}")
    appendfsync: Literal["always", "everysec"] = chance.choice(("always", "everysec"))
    strikes: list[Strike] = []
    second = FIRST_SECOND
    # Drawn without putting back, so that none is forgotten; each wave has one that takes work away.
    hard = _endless([fault for fault in FAULTS if fault.interrupts or fault.name == "worker stopped"], chance)
    soft = _endless([fault for fault in FAULTS if not fault.interrupts], chance)
    for _ in range(lane.waves):
        wave: list[Strike] = []
        drawn = [next(hard), *(next(soft) for _ in range(chance.randrange(MOST_IN_A_WAVE)))]
        for fault in chance.sample(drawn, len(drawn)):
            strike = _strike(fault, second, wave, lane, chance)
            if strike is not None:
                wave.append(strike)
                second += chance.uniform(0, WAVE_SECONDS)
        strikes += wave
        second = max(strike.ends for strike in wave) + lane.resumed
    paced = 0.0 if lane.jobs_a_second is None else jobs / lane.jobs_a_second
    return Schedule(seed, appendfsync, tuple(strikes), max(second, paced))


def _endless(faults: Sequence[Fault], chance: random.Random) -> Iterator[Fault]:
    while True:
        yield from chance.sample(faults, len(faults))


def _strike(fault: Fault, second: float, wave: list[Strike], lane: Lane, chance: random.Random) -> Strike | None:
    """One fault, on something that this wave has not broken yet; None when all of it is."""
    broken = {strike.target for strike in wave}
    left = [target for target in fault.targets if target not in broken]
    if not left:
        return None
    low, high = fault.seconds or (lane.freeze, lane.freeze)
    return Strike(round(second, 2), fault.name, chance.choice(left), round(chance.uniform(low, high), 2))
