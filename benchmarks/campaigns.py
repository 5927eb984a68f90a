"""How fast are campaigns planned and sent, how soon do they stop, and what do those notice who write meanwhile?"""

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from benchmarks.child import Child, PeerFailed
from benchmarks.figures import OURS, Bar, Figure, percentile, steady_rate
from benchmarks.harness import LOOK_SECONDS, STANDSTILL_SECONDS, Bench
from benchmarks.installation import Installation, installation
from benchmarks.question import Question
from benchmarks.recipients import TEMPLATE, RecipientList, write_list
from oxyq.gateways.simulator import Received
from tests.redis_server import RedisServer

INTAKE_100K = Figure("campaigns.intake.100k", "Taking in a CSV of 100,000", "s", False)
PLAN_100K = Figure("campaigns.plan.100k", "Planning 100,000", "s", False)
RSS_100K = Figure("campaigns.rss.100k", "Peak memory of the larger of these processes, 100,000", "MB", False)
INTAKE_1M = Figure("campaigns.intake.1m", "Taking in a CSV of 1,000,000", "s", False)
PLAN_1M = Figure("campaigns.plan.1m", "Planning 1,000,000", "s", False)
RSS_1M = Figure("campaigns.rss.1m", "Peak memory of the larger of these processes, 1,000,000", "MB", False)
RSS_RATIO = Figure("campaigns.rss.ratio", "Peak memory with 1,000,000, of that with 100,000", "×", False)
BYTES = Figure("campaigns.bytes", "Redis bytes per planned recipient of 1,000,000", "bytes", False)
RELEASE = Figure("campaigns.release", "Release alone", "rows/s")
SENT_BY_1 = Figure("campaigns.sent.1", "Sent by 1 worker process, first to last", "sends/s")
SENT_BY_2 = Figure("campaigns.sent.2", "Sent by 2 worker processes, first to last", "sends/s")
PAUSE_LAST = Figure("campaigns.pause.last", "Pause at full speed, from the call to the last message", "s", False)
PAUSE_OUT = Figure("campaigns.pause.out", "… to its return, with none of its sends in the queue", "s", False)
PAUSE_LEFT = Figure("campaigns.pause.left", "… its sends in the queue a second after the return", "sends", False)
PAUSE_AFTER = Figure("campaigns.pause.after", "… messages after the return", "messages", False)
RESUME = Figure("campaigns.resume", "From resuming to the first second as full as the slowest before", "s", False)
ANSWER_ALONE = Figure("campaigns.answer.alone", "Answers while the campaign is paused, p95", "ms", False)
ANSWER_BESIDE = Figure("campaigns.answer.beside", "Answers while it runs, p95", "ms", False)
ANSWER_RATIO = Figure("campaigns.answer.ratio", "Answers while it runs, of those while it is paused, p95", "×", False)
BESIDE = Figure("campaigns.beside", "The campaign's own rate meanwhile", "sends/s")

#: For so long the campaign is sent before it is paused; the first second has the start in it.
SENDING_SECONDS = 4.0
#: Long enough to see a message that ought not to come.
QUIET_SECONDS = 1.0
#: What the Cloud API lets a number send.
NUMBER_A_SECOND = 80
MESSAGES_A_SECOND = 5
#: Messages answered before the clock starts.
WARM_UP = 10
SECOND_MS = 1_000


# --- planning -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Planned:
    """What it took to plan a campaign."""

    intake_seconds: float
    seconds: float
    peak_mb: float
    bytes_each: float


def plan(at: Installation, people: RecipientList) -> Planned:
    """Take a CSV in by one process and plan it by another; raises PeerFailed unless all became what it should."""
    with at.part() as preparing:
        preparing.ask("open_shop", per_second=None, opted_out=people.opted_out)
    before = at.used_memory
    with at.part() as taking:
        taken = taking.ask("take_in", file=str(people.file), template=TEMPLATE)
    with at.part() as planning:
        planned = planning.ask("plan")
        found = planning.ask("look")
    if (found["planned"], found["skipped"]) != (people.planned, people.skipped):
        raise PeerFailed(f"planned {found}, but should have {people.planned} and skipped {people.skipped}")
    return Planned(
        taken["seconds"],
        planned["seconds"],
        max(taken["peak_mb"], planned["peak_mb"]),
        (at.used_memory - before) / people.planned,
    )


# --- sending --------------------------------------------------------------------------------------------------


def release_rate(at: Installation, people: RecipientList) -> float:
    """Rows per second of one process that only releases; raises PeerFailed."""
    plan(at, people)
    with at.part() as releasing:
        released = releasing.ask("release", rows=people.planned)
    return float(released["rows"] / released["seconds"])


def send_rate(at: Installation, people: RecipientList, processes: int) -> float:
    """Sends per second of a campaign, by so many worker processes; raises PeerFailed unless everybody got it once."""
    with at.part() as steering, at.workers(*["campaign"] * processes):
        _begin(steering, people, per_second=None)
        _until_completed(steering)
    received = at.received()
    numbers = {message.to for message in received}
    if len(received) != people.planned or len(numbers) != people.planned:
        raise PeerFailed(f"{len(received)} messages went to {len(numbers)} numbers, and should to {people.planned}")
    return steady_rate([message.at_ms * 1000 for message in received], skip=0.0)


def _begin(steering: Child, people: RecipientList, *, per_second: int | None) -> None:
    steering.ask("open_shop", per_second=per_second, opted_out=people.opted_out)
    steering.ask("take_in", file=str(people.file), template=TEMPLATE)
    steering.ask("start")


def _until_completed(steering: Child) -> None:
    gone, moved = -1, time.monotonic()
    while (found := steering.ask("look"))["state"] != "completed":
        if found["gone"] > gone:
            gone, moved = found["gone"], time.monotonic()
        elif time.monotonic() - moved > STANDSTILL_SECONDS:
            raise PeerFailed(f"stood still for {STANDSTILL_SECONDS:g} s: {found}")
        time.sleep(LOOK_SECONDS)


# --- pausing --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Paused:
    """How a pause in the middle of sending went, in seconds from its call; `slowest`: sends of the slowest second."""

    last: float
    out: float
    left: int
    after: int
    slowest: int


def pause(at: Installation, steering: Child) -> Paused:
    """Pause a campaign after workers have sent for a while; raises PeerFailed."""
    at.until_received(1)
    time.sleep(SENDING_SECONDS)
    paused = steering.ask("pause")
    time.sleep(QUIET_SECONDS)
    moments = _moments_ms(at)
    return Paused(
        last=max(max(moments) - paused["called_ms"], 0) / 1000,
        out=(paused["out_ms"] - paused["called_ms"]) / 1000,
        left=paused["left"],
        after=sum(moment > paused["returned_ms"] for moment in moments),
        slowest=slowest_second(moments, min(moments) + SECOND_MS, paused["called_ms"]),
    )


def resume(at: Installation, steering: Child, a_second: int) -> float:
    """Seconds from resuming a campaign to the first second in which it sends so many; raises PeerFailed."""
    seen = len(_moments_ms(at))
    called_ms = steering.ask("resume")["called_ms"]
    deadline = time.monotonic() + STANDSTILL_SECONDS
    while time.monotonic() < deadline:
        time.sleep(SECOND_MS / 1000)
        if (began := second_of(a_second, _moments_ms(at)[seen:])) is not None:
            return float(began - called_ms) / 1000
    raise PeerFailed(f"resumed, it never sent {a_second} a second again within {STANDSTILL_SECONDS:g} s")


def _moments_ms(at: Installation) -> list[int]:
    return [message.at_ms for message in at.received()]


def slowest_second(moments_ms: Sequence[int], from_ms: float, until_ms: float) -> int:
    """How many moments lie in that whole second of this time which has the fewest; ValueError if it has no second."""
    counts = [0] * int((until_ms - from_ms) // SECOND_MS)
    for moment in moments_ms:
        if 0 <= (second := int((moment - from_ms) // SECOND_MS)) < len(counts):
            counts[second] += 1
    return min(counts)


def second_of(count: int, moments_ms: Sequence[int]) -> int | None:
    """When the first second begins in which so many of these moments lie; None when there is none."""
    ranked = sorted(moments_ms)
    for first, last in zip(ranked, ranked[count - 1 :], strict=False):
        if last - first < SECOND_MS:
            return first
    return None


# --- answering meanwhile --------------------------------------------------------------------------------------


def answer_times(at: Installation, steering: Child, numbers: range, *, beside: bool) -> tuple[list[float], float]:
    """These customers write, one after the other, while the campaign runs (`beside`) or is paused; raises PeerFailed.

    Returns the milliseconds from just before each message is added to its answer, and the campaign's sends per second.
    """
    steering.ask("resume" if beside else "pause")
    if beside:
        # By then it is at its full rate.
        at.until_received(len(at.received()) + 2 * NUMBER_A_SECOND)
    added: dict[str, float] = steering.ask(
        "write_to_shop", first=numbers.start, count=len(numbers), per_second=MESSAGES_A_SECOND
    )["added"]
    received = _until_answered(at, added)
    answers = {_job_id(message): message.at_ms for message in received if _job_id(message) in added}
    began, ended = min(added.values()), max(added.values())
    sends = sum(began <= message.at_ms < ended for message in received if _job_id(message) not in added)
    return [answers[job_id] - at_ms for job_id, at_ms in added.items()], sends * SECOND_MS / (ended - began)


def _until_answered(at: Installation, added: dict[str, float]) -> list[Received]:
    deadline = time.monotonic() + STANDSTILL_SECONDS
    while missing := added.keys() - map(_job_id, received := at.received()):
        if time.monotonic() > deadline:
            raise PeerFailed(f"{len(missing)} messages got no answer within {STANDSTILL_SECONDS:g} s")
        time.sleep(LOOK_SECONDS)
    return received


def _job_id(message: Received) -> str:
    return message.key.removesuffix("/0")


# --- the question ---------------------------------------------------------------------------------------------


def _measure(bench: Bench) -> None:
    with tempfile.TemporaryDirectory() as folder, bench.server() as server:
        small, large, sent, beside = (
            write_list(Path(folder), rows)
            for rows in bench.size((100_000, 1_000_000, 50_000, 20_000), (2_000, 40_000, 3_000, 4_000))
        )
        _measure_planning_and_pausing(bench, server, small, large)
        _measure_sending(bench, server, sent)
        _measure_answering(bench, server, beside)


def _measure_planning_and_pausing(
    bench: Bench, server: RedisServer, small: RecipientList, large: RecipientList
) -> None:
    for number, _ in bench.turns(OURS):
        with bench.attempt(OURS):
            with installation(server) as at:
                few = plan(at, small)
            with installation(server) as at:
                many = plan(at, large)
                _note(
                    bench, number,
                    (INTAKE_100K, few.intake_seconds), (PLAN_100K, few.seconds), (RSS_100K, few.peak_mb),
                    (INTAKE_1M, many.intake_seconds), (PLAN_1M, many.seconds), (RSS_1M, many.peak_mb),
                    (RSS_RATIO, many.peak_mb / few.peak_mb), (BYTES, many.bytes_each),
                )  # fmt: skip
                with at.part() as steering, at.workers("campaign", "campaign"):
                    paused = pause(at, steering)
                    _note(
                        bench, number,
                        (PAUSE_LAST, paused.last), (PAUSE_OUT, paused.out),
                        (PAUSE_LEFT, paused.left), (PAUSE_AFTER, paused.after),
                    )  # fmt: skip
                    _note(bench, number, (RESUME, resume(at, steering, max(paused.slowest, 1))))


def _measure_sending(bench: Bench, server: RedisServer, people: RecipientList) -> None:
    for number, _ in bench.turns(OURS):
        with bench.attempt(OURS):
            with installation(server) as at:
                _note(bench, number, (RELEASE, release_rate(at, people)))
            for figure, processes in ((SENT_BY_1, 1), (SENT_BY_2, 2)):
                with installation(server) as at:
                    _note(bench, number, (figure, send_rate(at, people, processes)))


def _measure_answering(bench: Bench, server: RedisServer, people: RecipientList) -> None:
    messages = bench.size(40, 5)
    with bench.attempt(OURS), installation(server) as at, at.part() as steering, at.workers("message", "campaign"):
        _begin(steering, people, per_second=NUMBER_A_SECOND)
        answer_times(at, steering, range(WARM_UP), beside=True)
        first = WARM_UP
        for number, _ in bench.turns(OURS):
            times, rates = {False: list[float](), True: list[float]()}, list[float]()
            # There and back, so that a drift of the machine hits both.
            for beside in (False, True, True, False):
                took, rate = answer_times(at, steering, range(first, first + messages), beside=beside)
                first += messages
                times[beside] += took
                rates += [rate] * beside
            alone, meanwhile = percentile(times[False], 0.95), percentile(times[True], 0.95)
            _note(
                bench, number,
                (ANSWER_ALONE, alone), (ANSWER_BESIDE, meanwhile), (ANSWER_RATIO, meanwhile / alone),
                (BESIDE, fmean(rates)),
            )  # fmt: skip


def _note(bench: Bench, number: int, *noted: tuple[Figure, float]) -> None:
    for figure, value in noted:
        bench.note(figure, OURS, number, value)


QUESTION = Question(
    "campaigns",
    "How fast are campaigns, and what do those notice who write meanwhile?",
    "The lists are made from a seed: texts of some 110 characters with a name in each, three time zones, 1 % of the "
    "numbers wrong, 2 % there twice, 0.5 % of the people out; what becomes of each row is checked. **Planning:** a "
    "process reads the CSV and takes it in as `oxyq campaigns create` does, a second one plans it; memory is the "
    "kernel's VmHWM of the larger of the two, bytes are what Redis's `used_memory` grew by once the upload is gone. "
    "**Release:** one process releases 50,000 rows, a window of 2,000 in each pass, and between passes, off the clock, "
    "notes all as sent and empties the queue. **Sending:** 50,000 by `oxyq workers campaign`, as deployed but at "
    "concurrency 50 and without a limit of the queue, to a simulated WhatsApp that takes everything at once; by its "
    "log, from the first to the last, and each recipient has to be in it once. **Pause:** in the campaign of "
    "1,000,000, after two such processes have sent for 4 s; the last message by the log, the queue as it is from the "
    "return on; then the campaign is resumed. **Answers:** by a number that may send 80 a second, a fifth of it kept "
    "for answers. 5 messages a second go to `oxyq workers message` while the campaign, in a worker process of its own, "
    "is paused or runs: in each round paused, running, running, paused, 40 messages each time; from just before the "
    "add to the log, which has whole milliseconds.",
    (
        INTAKE_100K,
        PLAN_100K,
        RSS_100K,
        INTAKE_1M,
        PLAN_1M,
        RSS_1M,
        RSS_RATIO,
        BYTES,
        RELEASE,
        SENT_BY_1,
        SENT_BY_2,
        PAUSE_LAST,
        PAUSE_OUT,
        PAUSE_LEFT,
        PAUSE_AFTER,
        RESUME,
        ANSWER_ALONE,
        ANSWER_BESIDE,
        ANSWER_RATIO,
        BESIDE,
    ),
    (
        Bar(PLAN_100K, 10.0, 2.0),
        Bar(RSS_100K, 250.0, 100.0),
        Bar(RSS_RATIO, 1.2, 1.05),
        Bar(BYTES, 450.0, 100.0),
        Bar(RELEASE, 5_000.0, 10_000.0),
        Bar(SENT_BY_1, 5_000.0, 10_000.0),
        Bar(SENT_BY_2, 5_000.0, 10_000.0),
        Bar(PAUSE_LAST, 1.0, 0.5),
        Bar(PAUSE_OUT, 1.0, 0.5),
        Bar(PAUSE_LEFT, 0.0, 0.0),
        Bar(PAUSE_AFTER, 0.0, 0.0),
        Bar(ANSWER_RATIO, 1.2, 1.05),
    ),
    _measure,
)
