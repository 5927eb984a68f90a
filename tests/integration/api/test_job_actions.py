"""One job over HTTP: all that is known of it, and everything that can be done with it, each organization for itself."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import pytest

from oxyq.app import App
from oxyq.audit import Wanted
from oxyq.clock import now_ms
from oxyq.engine import Worker
from oxyq.operating.new_job import MODELS
from tests.integration.api.conftest import As
from tests.integration.api.payloads import AUTOMATION, CAMPAIGN, MESSAGE
from tests.integration.engine.journal import Journal, eventually

pytestmark = pytest.mark.usefixtures("shops")

HOUR = 3_600_000
ANA, BIA = "5511999999999", "5511988888888"

Call = Callable[..., Awaitable[Any]]
StartWorker = Callable[..., Awaitable[Worker]]


@pytest.fixture
def call(client: httpx.AsyncClient, as_: As) -> Call:
    """Asks as somebody, and returns the JSON of the answer with this status."""

    async def ask(
        method: str, path: str, status: int = 200, *, role: str = "owner", org: str | None = None, **more: Any
    ):
        answer = await client.request(method, path, headers=as_(role, org), **more)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None

    return ask


@pytest.fixture
async def start_worker(app: App) -> AsyncIterator[StartWorker]:
    """Starts workers of a queue whose handler the test brings; they are stopped in the end."""
    workers: list[Worker] = []

    async def start(queue: str, handler: Any, **options: Any) -> Worker:
        worker = Worker(queue, handler, hub=app.hub, worker_name="shop-1", lock_seconds=2, **options)
        workers.append(worker)
        await worker.start()
        return worker

    yield start
    for worker in workers:
        await worker.stop(grace_seconds=0)


async def add(call: Call, kind: str = "automation", **fields: Any) -> str:
    """Add a job; returns its address."""
    body = {**{"message": MESSAGE, "automation": AUTOMATION, "campaign": CAMPAIGN}[kind], **fields}
    accepted = await call("POST", f"/v1/{kind}s", 202, role="service", json=body)
    return f"/v1/queues/{kind}/jobs/{accepted['id']}"


async def reaches(call: Call, at: str, state: str) -> dict[str, Any]:
    """The job at this address, once it is in this state."""

    async def look() -> str:
        return (await call("GET", at))["state"]

    await eventually(look, state)
    return await call("GET", at)


# --- looking --------------------------------------------------------------------------------------------------------


async def test_a_job_that_was_sent_tells_its_life_and_what_went_out(app: App, call: Call) -> None:
    # Given a reminder that workers of ours sent
    workers = app.workers(["automation"])
    await workers.start()
    at = await add(call, transactional=True)
    job = await reaches(call, at, "completed")
    await workers.stop(5)

    # Then it is all there
    assert (job["kind"], job["problem"], job["organizationId"]) == ("automation", "", "org_123")
    assert job["data"]["content"] == "Lembrete: Consulta amanhã às 10h"
    assert [moment["what"] for moment in job["timeline"]] == ["added", "started", "sent", "completed"]
    [sent] = job["sent"]
    assert sent["state"] == "sent"
    assert job["result"] == {"status": "sent", "providerId": sent["providerId"]}
    assert job["links"]["contact"] == ANA
    assert (job["attemptsMade"], job["attemptsAllowed"], job["starts"], job["postponed"]) == (1, 3, 1, 0)
    assert job["actions"] == ["retry", "duplicate", "remove"]

    # When it runs again, then the ledger keeps it from going out twice
    await call("POST", f"{at}/retry")
    workers = app.workers(["automation"])
    await workers.start()
    again = await reaches(call, at, "completed")
    await workers.stop(5)
    assert again["sent"] == job["sent"]


async def test_each_failed_attempt_has_its_error_and_its_stack_trace(call: Call, start_worker: StartWorker) -> None:
    # Given a job that failed twice, for different reasons
    async def handler(job: Any) -> None:
        await job.log(f"attempt {job.attempt} for {ANA}")
        await job.update_progress(job.attempt * 10)
        raise ValueError(f"no line to {ANA}, try {job.attempt}")

    await start_worker("automation", handler, backoff_strategies={"exponential": lambda job, error: 1})
    at = await add(call)
    job = await reaches(call, at, "failed")

    # Then both are told, with the dead letter
    assert [one["error"] for one in job["failedAttempts"]] == [f"no line to {ANA}, try {n}" for n in (1, 2, 3)]
    assert all("in handler" in one["trace"] for one in job["failedAttempts"])
    assert [moment["what"] for moment in job["timeline"]] == [
        "added", "failed-attempt", "failed-attempt", "started", "failed-attempt", "failed",
    ]  # fmt: skip
    assert job["links"]["deadLetterId"] == f"dlq-automation-{job['id']}"
    assert (job["worker"], job["progress"], job["logLines"]) == ("shop-1", 30, 3)

    # and the log comes in pages
    first = await call("GET", f"{at}/logs?limit=2")
    assert first == {"lines": [f"attempt {n} for {ANA}" for n in (1, 2)], "total": 3, "nextLine": 2}
    last = await call("GET", f"{at}/logs?start=2")
    assert last == {"lines": [f"attempt 3 for {ANA}"], "total": 3, "nextLine": None}

    # and people who may not see numbers see none, in nothing of it
    for path in (at, f"{at}/logs"):
        for role in ("operator", "viewer"):
            shown = str(await call("GET", path, role=role))
            assert ANA not in shown and "Lembrete" not in shown
            assert "55 11 •••••-9999" in shown


async def test_a_job_that_nobody_can_read_is_shown_and_can_be_removed(app: App, call: Call) -> None:
    # Given a job that Node added, with data that are none of ours
    queue = app.queues["automation"]
    await queue.add("reminder", {"organizationId": "org_123", "recipientNumber": 5}, job_id="strange")
    at = "/v1/queues/automation/jobs/strange"

    job = await call("GET", at, org="org_123")
    assert job["kind"] is None
    assert "recipientNumber: must be text" in job["problem"]
    assert job["actions"] == ["priority", "data", "remove"]
    error = (await call("POST", f"{at}/duplicate", 409))["error"]
    assert error["message"].startswith("what it carries is not valid: ")

    # When its data are corrected, then it is a job like others
    fields = {name: value for name, value in AUTOMATION.items() if name != "organizationId"}
    job = await call("PATCH", f"{at}/data", json=fields)
    assert (job["kind"], job["problem"]) == ("automation", "")
    await call("DELETE", at, 204)
    await call("GET", at, 404)


async def test_what_somebody_else_put_under_a_jobs_key_is_left_alone(app: App, call: Call) -> None:
    await app.redis.set(app.queues["automation"].keys.job("mine"), "hello")
    at = "/v1/queues/automation/jobs/mine"

    job = await call("GET", at)
    assert (job["problem"], job["actions"]) == ("its key holds a string, not a job", [])
    assert "its key holds a string" in (await call("DELETE", at, 409))["error"]["message"]
    await call("GET", at, 404, org="org_123")


@pytest.mark.parametrize("job_id", ["meta", "repeat:each-morning", "events", "a:b", "*", "repeat:x:1", "nobody"])
async def test_what_is_no_job_is_not_found(app: App, call: Call, job_id: str) -> None:
    queue = app.queues["automation"]
    await queue.schedulers.upsert("each-morning", "reminder", {}, every_ms=HOUR)
    # As the scheduler "x:1" lies in Redis: its key looks like that of a run of "x".
    await app.redis.hset(f"{queue.keys.base}repeat:x:1", mapping={"name": "reminder", "data": "{}", "every": "1000"})
    await call("GET", f"/v1/queues/automation/jobs/{job_id}", 404)
    await call("GET", f"/v1/queues/dead-letter/jobs/{job_id}", 404)
    await call("DELETE", f"/v1/queues/nothing/jobs/{job_id}", 404)


# --- acting ---------------------------------------------------------------------------------------------------------


async def test_a_delayed_job_moves_gets_urgent_and_is_let_go(app: App, call: Call) -> None:
    # Given a reminder of tomorrow
    at = await add(call, scheduledFor=now_ms() + 24 * HOUR)
    job = await call("GET", at)
    assert (job["state"], job["priority"]) == ("delayed", 3)
    assert job["actions"] == ["promote", "reschedule", "priority", "data", "duplicate", "remove"]

    # When it is moved and made urgent
    soon = now_ms() + HOUR
    job = await call("POST", f"{at}/reschedule", json={"at": soon}, role="operator")
    assert abs(job["dueAt"] - soon) < 1000
    assert job["timeline"][-1] == {"what": "due", "at": job["dueAt"], "detail": ""}
    job = await call("POST", f"{at}/priority", json={"priority": 1})
    assert (job["state"], job["priority"]) == ("delayed", 1)

    # When it is let go, then it goes out, and is not taken for one that is to come
    job = await call("POST", f"{at}/promote")
    assert (job["state"], job["actions"]) == ("prioritized", ["priority", "data", "duplicate", "remove"])
    workers = app.workers(["automation"])
    await workers.start()
    done = await reaches(call, at, "completed")
    await workers.stop(5)
    assert done["result"]["status"] in ("sent", "expired")


async def test_what_a_job_carries_changes_checked_as_for_a_new_one(app: App, call: Call) -> None:
    # Given a reminder that Node added, with a field that only Node knows
    fields = {**AUTOMATION, "tag": "node", "scheduledFor": now_ms() + HOUR}
    await app.queues["automation"].add("reminder", fields, job_id="auto-1", delay_ms=HOUR)
    at = "/v1/queues/automation/jobs/auto-1"

    # When its text and its number change
    job = await call("PATCH", f"{at}/data", json={"content": "Às 11h ☕", "recipientNumber": "+55 11 98888-8888"})
    assert job["data"]["content"] == "Às 11h ☕"
    assert job["data"]["recipientNumber"] == BIA, "as for a new job"
    assert job["data"]["tag"] == "node"
    job = await call("PATCH", f"{at}/data", json={"metadata": None})
    assert "metadata" not in job["data"]

    # Then what is wrong is refused, field by field, and nothing changes
    refused = {
        "content": ("", "content", "must not be blank"),
        "graceMinutes": ("5", "graceMinutes", "must be a whole number"),
        "contnet": ("x", "contnet", "is not a known field; did you mean content?"),
        "organizationId": ("org_2", "organizationId", "cannot be changed"),
        "scheduledFor": (now_ms() + 2 * HOUR, "scheduledFor", "cannot be changed"),
        "recipientNumber": (None, "recipientNumber", "is missing"),
    }
    for name, (value, field, problem) in refused.items():
        error = (await call("PATCH", f"{at}/data", 422, json={name: value}))["error"]
        assert error["field"] == field
        assert problem in error["message"]
    assert (await call("GET", at))["version"] == job["version"]
    await call("PATCH", f"{at}/data", 415, content=b"{}")


async def test_a_copy_is_a_fact_of_its_own(app: App, call: Call) -> None:
    # Given a reminder that went out, to the wrong person
    workers = app.workers(["automation"])
    await workers.start()
    at = await add(call, transactional=True, scheduledFor=now_ms() - 60_000)
    await reaches(call, at, "completed")

    # When it is copied for another, then that one gets it too
    new = await call("POST", f"{at}/duplicate", 201, json={"recipientNumber": BIA})
    copy = f"/v1/queues/{new['queue']}/jobs/{new['id']}"
    job = await reaches(call, copy, "completed")
    await workers.stop(5)
    assert job["result"]["status"] == "sent"
    assert (job["data"]["recipientNumber"], "scheduledFor" in job["data"]) == (BIA, False)
    assert job["data"]["automationId"].startswith("auto_001~")

    # and a copy of the copy is not named after both
    new = await call("POST", f"{copy}/duplicate", 201)
    job = await call("GET", f"/v1/queues/automation/jobs/{new['id']}")
    assert len(job["data"]["automationId"]) == len("auto_001~12345678")
    await call("POST", f"{at}/duplicate", 422, json={"organizationId": "org_2"})


@pytest.mark.parametrize("kind", MODELS)
async def test_everything_that_can_be_added_can_be_copied(call: Call, kind: str) -> None:
    at = await add(call, kind)

    new = await call("POST", f"{at}/duplicate", 201)

    job = await call("GET", f"/v1/queues/{new['queue']}/jobs/{new['id']}")
    assert new["id"] != at.rpartition("/")[2]
    assert (job["kind"], job["problem"]) == (kind, "")


async def test_a_job_that_hangs_is_taken_from_its_worker(app: App, call: Call, start_worker: StartWorker) -> None:
    # Given a handler that comes to no end
    started: Journal[str] = Journal()
    cancelled: Journal[str] = Journal()

    async def handler(job: Any) -> None:
        started.note(job.id)
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.note(job.id)

    await start_worker("automation", handler)
    at = await add(call)
    await started.until(1)
    job = await call("GET", at)
    assert (job["state"], job["worker"], job["actions"]) == ("active", "shop-1", ["duplicate", "fail"])
    error = (await call("DELETE", at, 409))["error"]
    assert "a job that a worker runs is not removed" in error["message"]
    assert (
        "it is active: only a job that waits" in (await call("PATCH", f"{at}/data", 409, json={}))["error"]["message"]
    )

    # When somebody takes it away
    job = await call("POST", f"{at}/fail", role="operator")

    # Then it has failed, is a dead letter, and its handler is stopped
    assert (job["state"], job["actions"]) == ("failed", ["retry", "data", "duplicate", "remove"])
    assert job["failedReason"].startswith("taken from its worker by tests after ")
    letter = await app.dead_letters.get(job["links"]["deadLetterId"])
    assert (letter.kind, letter.organization_id) == ("by-hand", "org_123")
    await cancelled.until(1)

    # When it is retried, then its dead letter goes, and the note of who did it stays
    job = await call("POST", f"{at}/retry")
    assert job["links"]["deadLetterId"] is None
    assert [one["detail"] for one in job["timeline"] if one["what"] == "replayed"] == ["tests"]
    await started.until(2)


async def test_a_campaign_hears_of_a_send_that_was_taken_away(app: App, call: Call, start_worker: StartWorker) -> None:
    # Given a campaign of one recipient, whose send hangs
    workers = app.workers(["campaign"])
    await workers.start()
    await add(call, "campaign", recipients=[BIA], startAt=now_ms() + HOUR)
    await eventually(lambda: _state(call, "scheduled"), True)
    await workers.stop(5)
    queue = app.queues["campaign"]
    run = (await queue.ids("delayed", 0, 0))[0]

    # Then its run cannot be removed, and carries nothing to change
    at = f"/v1/queues/campaign/jobs/{run}"
    assert "pause or cancel the campaign" in (await call("DELETE", at, 409))["error"]["message"]
    assert "takes its campaign along" in (await call("PATCH", f"{at}/data", 409, json={}))["error"]["message"]
    assert "belongs to its campaign" in (await call("POST", f"{at}/duplicate", 409))["error"]["message"]

    # When the run is taken away, then the campaign says what it waits for
    await call("POST", f"{at}/promote")
    held = asyncio.Event()
    started: Journal[str] = Journal()

    async def handler(job: Any) -> None:
        started.note(job.id)
        await held.wait()

    await start_worker("campaign", handler)
    await started.until(1)
    await call("POST", f"{at}/fail")
    campaign = await app.campaigns.get("org_123", "campaign_001")
    assert campaign is not None
    assert "dead letters" in (campaign.waits or "")


async def _state(call: Call, state: str) -> bool:
    return (await call("GET", "/v1/campaigns/campaign_001?organizationId=org_123"))["state"] == state


async def test_the_next_run_of_a_schedule_is_removed_with_its_schedule_only(app: App, call: Call) -> None:
    schedule = {"automation": {"type": "reminder", "recipientNumber": ANA, "content": "Oi"}, "cron": "0 9 * * 1"}
    await call("PUT", "/v1/automation-schedules/weekly?organizationId=org_123", role="service", json=schedule)
    [(run, _)] = await app.queues["automation"].delayed_ids()
    at = f"/v1/queues/automation/jobs/{run}"

    job = await call("GET", at)
    assert job["links"]["scheduleId"]
    assert "remove" not in job["actions"]
    assert "next run of the schedule" in (await call("DELETE", at, 409))["error"]["message"]


@pytest.mark.parametrize(
    ("deed", "body", "problem"),
    [
        ("reschedule", {"at": 5}, "at: "),
        ("reschedule", {"at": 1_000_000_000_000}, "at: is in the past"),
        ("reschedule", {"at": "1795377084000"}, "at: must be a whole number"),
        ("reschedule", {}, "at: is missing"),
        ("priority", {"priority": -1}, "priority: must be a whole number from 0 to 1048575"),
        ("priority", {"priority": 2**20}, "priority: must be a whole number from 0 to 1048575"),
        ("priority", {"priority": True}, "priority: must be a whole number"),
        ("priority", {"priority": 1, "prio": 1}, "prio: is not a known field; did you mean priority?"),
    ],
)
async def test_bad_values_are_refused_with_the_fix(call: Call, deed: str, body: object, problem: str) -> None:
    at = await add(call, scheduledFor=now_ms() + HOUR)

    error = (await call("POST", f"{at}/{deed}", 422, json=body))["error"]

    assert problem in error["message"]


async def test_what_cannot_be_done_says_why(call: Call) -> None:
    at = await add(call)

    for deed, body, why in (
        ("retry", None, "it is prioritized: only a job that has failed or completed can run again"),
        ("promote", None, "it is prioritized: only a delayed job can be let go early"),
        ("reschedule", {"at": now_ms() + HOUR}, "it is prioritized: only a delayed job has a time"),
        ("fail", None, "it is prioritized: only a job that a worker runs can be taken away"),
    ):
        error = (await call("POST", f"{at}/{deed}", 409, json=body))["error"]
        assert error["message"].startswith(why)


async def test_deeds_are_in_the_audit_without_anybodys_texts(app: App, call: Call) -> None:
    at = await add(call, scheduledFor=now_ms() + HOUR)
    job_id = at.rpartition("/")[2]

    await call("PATCH", f"{at}/data", json={"content": "Segredo"}, role="operator")
    await call("POST", f"{at}/priority", json={"priority": 2})
    await call("POST", f"{at}/retry", 409)

    found = (await app.audit.page(Wanted())).entries
    entries = [entry for entry in found if entry.deed.action.startswith("job.")][::-1]
    assert [(entry.deed.action, entry.deed.role, entry.outcome) for entry in entries] == [
        ("job.edit", "operator", "done"), ("job.priority", "owner", "done"), ("job.retry", "owner", "not_allowed"),
    ]  # fmt: skip
    assert {entry.deed.target for entry in entries} == {f"automation/{job_id}"}
    assert entries[0].detail == {"fields": ["content"]}
    assert "Segredo" not in str(entries)


async def test_a_viewer_only_looks(call: Call) -> None:
    at = await add(call)
    deeds = ("retry", "promote", "fail", "reschedule", "priority", "duplicate")
    asked = [("POST", f"/{deed}") for deed in deeds] + [("PATCH", "/data"), ("DELETE", "")]

    for method, what in asked:
        await call(method, f"{at}{what}", 403, role="viewer", json={})
    assert (await call("GET", at, role="viewer"))["state"] == "prioritized"


async def test_a_job_of_another_organization_is_as_absent_as_none(call: Call) -> None:
    at = await add(call, scheduledFor=now_ms() + HOUR)
    deeds = [("POST", f"/{deed}") for deed in ("retry", "promote", "fail", "duplicate")]
    deeds += [("GET", ""), ("GET", "/logs"), ("DELETE", "")]
    written = [("POST", "/reschedule", {"at": now_ms() + HOUR}), ("POST", "/priority", {"priority": 1})]
    written += [("PATCH", "/data", {"content": "Oi"})]

    for method, what in deeds:
        await call(method, f"{at}{what}", 404, org="org_2")
    for method, what, body in written:
        await call(method, f"{at}{what}", 404, org="org_2", json=body)
    assert (await call("GET", at, org="org_123"))["state"] == "delayed"
