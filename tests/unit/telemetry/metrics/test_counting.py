"""What a process counts out of its events, and how that is told."""

import timeit

from prometheus_client.parser import text_string_to_metric_families

from oxyq.engine.events import JobCompleted, JobsRecovered
from oxyq.engine.job import Job
from oxyq.engine.settlement import RawJob
from oxyq.telemetry.events import LimitMet, ModelAsked, SendEnded, Telemetry, WebhookTaken
from oxyq.telemetry.metrics.exposition import exposition
from oxyq.telemetry.metrics.measured import MOST_SETS, Histogram, Measured, starts
from oxyq.telemetry.metrics.table import BY_NAME


def samples(text: bytes) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


def told(telemetry: Telemetry) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    return samples(exposition(telemetry.metrics.measured("workers")))


def at(name: str, **labels: str) -> tuple[str, frozenset[tuple[str, str]]]:
    return name, frozenset(labels.items())


def test_events_are_counted_by_their_words() -> None:
    telemetry = Telemetry()

    for event in (
        SendEnded("campaign", "unconfirmed"),
        SendEnded("campaign", "unconfirmed"),
        LimitMet("message", "pair limit", 1500),
        LimitMet("message", "pair limit", 500),
        JobsRecovered("message", ("1", "2", "3")),
        WebhookTaken("cloud", "wa_1", {"added": 2, "unknown": 1}),
        ModelAsked("openai", "answered", 1.7, 100, 20),
        ModelAsked("openai", "answered", 70.0, 0, 0),
    ):
        telemetry.emit(event)

    found = told(telemetry)
    assert found[at("oxyq_sends_total", kind="campaign", outcome="unconfirmed")] == 2
    assert found[at("oxyq_limiter_waits_total", kind="message", why="pair limit")] == 2
    assert found[at("oxyq_limiter_wait_seconds_total", kind="message", why="pair limit")] == 2.0
    assert found[at("oxyq_jobs_disturbed_total", queue="message", what="recovered")] == 3
    assert found[at("oxyq_webhook_parts_total", gateway="cloud", outcome="added")] == 2
    assert found[at("oxyq_ai_tokens_total", provider="openai", direction="out")] == 20
    answered = {"provider": "openai", "outcome": "answered"}
    assert found[at("oxyq_ai_seconds_bucket", **answered, le="1.0")] == 0
    assert found[at("oxyq_ai_seconds_bucket", **answered, le="2.5")] == 1
    assert found[at("oxyq_ai_seconds_bucket", **answered, le="+Inf")] == 2
    assert found[at("oxyq_ai_seconds_sum", **answered)] == 71.7


def test_what_an_alert_waits_for_is_told_before_it_happens() -> None:
    """Prometheus does not see the first of a counter that was not there before."""
    telemetry = Telemetry()
    telemetry.metrics.ask(lambda: starts("workers"))

    found = told(telemetry)

    assert found[at("oxyq_sends_total", kind="message", outcome="unconfirmed")] == 0
    assert found[at("oxyq_stray_errors_total")] == 0


def test_strange_words_cannot_fill_the_memory() -> None:
    telemetry = Telemetry()

    for number in range(MOST_SETS + 50):
        telemetry.emit(WebhookTaken("cloud", "wa_1", {f"word {number}": 1}))

    found = {key: value for key, value in told(telemetry).items() if key[0] == "oxyq_webhook_parts_total"}
    assert len(found) == MOST_SETS + 1
    assert found[at("oxyq_webhook_parts_total", gateway="other", outcome="other")] == 50


def test_a_label_is_written_whatever_it_holds() -> None:
    telemetry = Telemetry()
    word = 'a "quote"\\ and\nanother line ñ'

    telemetry.emit(WebhookTaken("cloud", "wa_1", {word: 1}))

    assert told(telemetry)[at("oxyq_webhook_parts_total", gateway="cloud", outcome=word)] == 1


def test_parts_that_count_the_same_add_up() -> None:
    """A process may work on several Redis servers."""
    telemetry = Telemetry()
    bounds = BY_NAME["oxyq_job_run_seconds"].bounds

    def part(seconds: float) -> Measured:
        run = Histogram([1] * (len(bounds) + 1), seconds)
        return {"oxyq_job_run_seconds": {("message",): run}, "oxyq_jobs_total": {("message", "completed"): 3.0}}

    telemetry.metrics.ask(lambda: part(1.0))
    telemetry.metrics.ask(lambda: part(2.0))

    found = told(telemetry)
    assert found[at("oxyq_job_run_seconds_sum", queue="message")] == 3.0
    assert found[at("oxyq_job_run_seconds_count", queue="message")] == 2 * (len(bounds) + 1)
    assert found[at("oxyq_jobs_total", queue="message", outcome="completed")] == 6


def test_a_job_costs_a_look_into_a_table() -> None:
    """0.1 µs measured: every job is told of, and it is counted elsewhere. Many times as much is allowed here."""
    metrics = Telemetry().metrics
    job = Job(RawJob("1", "t", {b"name": b"made", b"data": b"{}", b"opts": b"{}", b"timestamp": b"1"}), "message", None)
    event = JobCompleted(job, 0.05)

    timed = timeit.repeat(lambda: metrics.heard(event), number=10_000, repeat=10)

    assert min(timed) / 10_000 < 2e-6
