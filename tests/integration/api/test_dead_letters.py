"""Dead letters over HTTP: grouped, foreseen, replayed, purged; each organization for itself."""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from oxyq.app import App
from oxyq.audit import Wanted
from oxyq.automations.selection import Selection
from oxyq.clock import now_ms
from oxyq.conversations.entry import digest
from oxyq.engine import Job, Unrecoverable, Worker
from oxyq.jobs import Automation, CampaignSend, InboundMessage, parse_new, parse_stored, wire
from oxyq.operating.bulk.task import Task
from oxyq.redis_keys import message
from tests.integration.api.conftest import As
from tests.integration.api.payloads import AUTOMATION, MESSAGE
from tests.integration.engine.journal import eventually

pytestmark = pytest.mark.usefixtures("shops")

LETTERS = "/v1/dead-letters"
ANA = "5511999998888"


@pytest.fixture
async def tasks(app: App) -> AsyncIterator[None]:
    """Bulk tasks run, as in the API's own process."""
    async with app.bulk.running():
        yield


async def bury(
    app: App, name: str, *, reason: str = "the connection was refused", queue: str = "automation", **more: Any
) -> str:
    """Write the dead letter of a job of which nothing else is left; returns the letter's id."""
    org = more.get("org", "org_123")
    data = more.pop("data", {**AUTOMATION, "automationId": name, "organizationId": org})
    letter = {
        "originalQueue": queue, "originalJobId": name, "originalJobName": queue, "organizationId": org,
        "data": data, "opts": {"attempts": 3}, "failedReason": reason, "kind": more.get("kind", "exhausted"),
        "attemptsMade": 3, "attempts": [{"attempt": 3, "at": 1, "error": reason}], "replays": [],
        "failedAt": more.get("at", 1_795_377_084_000),
    }  # fmt: skip
    return await app.queues["dead-letter"].add("failed-job", letter, job_id=f"dlq-{queue}-{name}")


async def call(
    client: httpx.AsyncClient, headers: dict[str, str], method: str, path: str, status: int = 200, **more: Any
) -> Any:
    """The answer's JSON."""
    answer = await client.request(method, path, headers=headers, **more)
    assert answer.status_code == status, answer.text
    return answer.json() if answer.content else None


async def ids(client: httpx.AsyncClient, headers: dict[str, str], query: str = "") -> list[str]:
    """The ids of the letters that are listed."""
    return [one["id"] for one in (await call(client, headers, "GET", LETTERS + query))["letters"]]


async def ended(app: App, task_id: str) -> Task:
    """The task when it has ended."""

    async def has_ended() -> bool:
        return (await app.bulk.get(task_id)).has_ended

    await eventually(has_ended, True)
    return await app.bulk.get(task_id)


# --- looking --------------------------------------------------------------------------------------------------


async def test_letters_are_grouped_by_what_they_have_in_common(app: App, client: httpx.AsyncClient, as_: As) -> None:
    # Given three messages that failed alike, and one that did not
    for number in range(3):
        await bury(
            app, f"a-{number}", reason=f"auto-{number}/0: no connection (ConnectError)", at=1_795_000_000_000 + number
        )
    await bury(app, "b", reason=f"the number {ANA} is not on WhatsApp", kind="discarded", org="org_2")

    # When somebody asks who may see all
    found = await call(client, as_("owner"), "GET", f"{LETTERS}/groups")

    # Then the bigger group is first, and each says what is best done
    assert (found["lookedAt"], found["total"], found["complete"]) == (4, 4, True)
    first, second = found["groups"]
    assert {
        name: first[name] for name in ("errorClass", "suggested", "pattern", "count", "queues", "organizations")
    } == {
        "errorClass": "connection",
        "suggested": "replay",
        "pattern": "no connection (ConnectError)",
        "count": 3,
        "queues": {"automation": 3},
        "organizations": {"org_123": 3},
    }
    assert (first["firstAt"], first["lastAt"], first["exampleId"]) == (
        1_795_000_000_000,
        1_795_000_000_002,
        "dlq-automation-a-2",
    )
    assert (second["errorClass"], second["suggested"], second["pattern"]) == (
        "not_on_whatsapp", "purge", "the number … is not on WhatsApp",
    )  # fmt: skip

    # and the letters of a group are listed, newest first
    query = f"?fingerprint={first['fingerprint']}"
    assert await ids(client, as_("owner"), query) == [f"dlq-automation-a-{number}" for number in (2, 1, 0)]


async def test_what_is_new_is_seen_at_once_while_there_are_few(app: App, client: httpx.AsyncClient, as_: As) -> None:
    owner = as_("owner")
    for number in range(3):
        await bury(app, f"a-{number}")
        assert len(await ids(client, owner)) == number + 1


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("?queue=message", ["m"]),
        ("?kind=discarded", ["d"]),
        ("?errorClass=timeout", ["m"]),
        ("?reason=REFUSED", ["d", "a"]),
        ("?since=1795000000002", ["m", "d"]),
        ("?until=1795000000002", ["d", "a"]),
        ("?since=1795000000002&until=1795000000002", ["d"]),
        ("?organizationId=org_2", ["m"]),
        ("?organizationId=org_9", []),
    ],
)
async def test_filters_narrow_the_list(
    app: App, client: httpx.AsyncClient, as_: As, query: str, found: list[str]
) -> None:
    await bury(app, "a", at=1_795_000_000_001)
    await bury(app, "d", at=1_795_000_000_002, kind="discarded", reason="refused by hand")
    await bury(app, "m", at=1_795_000_000_003, queue="message", reason="Timeout: not finished within 60 s", org="org_2")

    assert [one.rpartition("-")[2] for one in await ids(client, as_("owner"), query)] == found


async def test_pages_follow_each_other_without_gaps(app: App, client: httpx.AsyncClient, as_: As) -> None:
    owner = as_("owner")
    buried = [await bury(app, f"a-{number}", at=1_795_000_000_000 + number // 2) for number in range(7)]

    seen, pages = list[str](), list[dict[str, Any]]()
    for _ in range(3):
        cursor = f"&cursor={pages[-1]['next']}" if pages else ""
        pages.append(await call(client, owner, "GET", f"{LETTERS}?limit=3{cursor}"))
        seen += [one["id"] for one in pages[-1]["letters"]]

    assert seen == sorted(buried, reverse=True)
    assert pages[-1]["next"] is None
    assert {page["count"] for page in pages} == {7}


async def test_one_letter_tells_everything(app: App, client: httpx.AsyncClient, as_: As) -> None:
    letter_id = await bury(app, "a", reason=f"the number {ANA} is away")

    plain = await call(client, as_("owner"), "GET", f"{LETTERS}/{letter_id}")
    masked = await call(client, as_("operator"), "GET", f"{LETTERS}/{letter_id}")

    assert plain["data"]["content"] == AUTOMATION["content"]
    assert plain["attempts"] == [{"attempt": 3, "at": 1, "error": f"the number {ANA} is away"}]
    assert (plain["options"], plain["replays"], plain["isReadable"]) == ({"attempts": 3}, 0, True)
    assert ANA not in json.dumps(masked)
    assert AUTOMATION["content"] not in json.dumps(masked, ensure_ascii=False)
    assert AUTOMATION["recipientNumber"] not in json.dumps(masked)


# --- replaying ------------------------------------------------------------------------------------------------


async def test_a_dry_run_says_what_would_be_sent_and_changes_nothing(
    app: App, client: httpx.AsyncClient, as_: As, redis_client: Any, prefix: str
) -> None:
    # Given twelve reminders that never went out, three that did although their jobs failed afterwards,
    for number in range(15):
        await bury(app, f"a-{number}")
    for number in range(12, 15):
        sent = {**AUTOMATION, "automationId": f"a-{number}"}
        key = f"{parse_stored(Automation, sent).job_id()}/0"
        await redis_client.hset(
            message("org_123", key, prefix=prefix), mapping={"state": "sent", "at": "1", "provider": "wa"}
        )
    # and one whose organization is unknown, one whose data is wrong
    await bury(app, "x", org="org_9")
    await bury(app, "y", data={"organizationId": "org_123"})

    found = await call(client, as_("owner"), "POST", f"{LETTERS}/replay", json={"filter": {}, "dryRun": True})

    assert (found["wouldSend"], found["alreadySent"], found["lookedAt"], found["total"]) == (12, 3, 17, 17)
    assert found["counts"] == {"sends": 12, "sent": 3, "invalid": 2}
    assert await app.dead_letters.count() == 17
    assert (await app.queues["automation"].counts())["waiting"] == 0


@pytest.mark.usefixtures("tasks")
async def test_all_that_match_are_replayed_in_the_background(app: App, client: httpx.AsyncClient, as_: As) -> None:
    for number in range(5):
        await bury(app, f"a-{number}")
    await bury(app, "other", reason="Timeout: not finished within 60 s")
    order = {"filter": {"errorClass": "connection"}, "perSecond": 1000}

    task_id = (await call(client, as_("operator"), "POST", f"{LETTERS}/replay", 202, json=order))["taskId"]
    task = await ended(app, task_id)

    assert (task.state, task.tally.done, task.tally.skipped, task.order.by) == ("done", 5, 0, "tests")
    assert await ids(client, as_("owner")) == ["dlq-automation-other"]
    waiting = await app.queues["automation"].jobs("wait")
    assert [job.id for job in waiting] == [f"a-{number}" for number in range(5)], "the oldest first"
    assert [replay["by"] for replay in waiting[0].replays] == ["tests"]  # type: ignore[index,call-overload]


@pytest.mark.usefixtures("tasks")
async def test_selected_ones_are_replayed_or_purged(app: App, client: httpx.AsyncClient, as_: As) -> None:
    for number in range(4):
        await bury(app, f"a-{number}")
    operator = as_("operator", "org_123")

    replay = await call(client, operator, "POST", f"{LETTERS}/replay", 202, json={"ids": ["dlq-automation-a-0"]})
    purge = await call(
        client, operator, "POST", f"{LETTERS}/purge", 202, json={"ids": ["dlq-automation-a-1", "dlq-automation-a-2"]}
    )

    assert (await ended(app, replay["taskId"])).tally.done == 1
    assert (await ended(app, purge["taskId"])).tally.done == 2
    assert await ids(client, operator) == ["dlq-automation-a-3"]


@pytest.mark.usefixtures("tasks")
async def test_asked_twice_with_one_key_it_is_one_task(app: App, client: httpx.AsyncClient, as_: As) -> None:
    await bury(app, "a")
    headers = {**as_("owner"), "Idempotency-Key": "k-1"}

    first = await call(client, headers, "POST", f"{LETTERS}/replay", 202, json={"filter": {}})
    again = await call(client, headers, "POST", f"{LETTERS}/replay", 202, json={"filter": {}})
    other = await call(client, headers, "POST", f"{LETTERS}/replay", 409, json={"filter": {"queue": "message"}})

    assert first["taskId"] == again["taskId"]
    assert other["error"]["code"] == "id_conflict"


async def test_one_is_replayed_with_its_data_edited(app: App, client: httpx.AsyncClient, as_: As, stored: Any) -> None:
    letter_id = await bury(app, "a")
    data = {**AUTOMATION, "automationId": "a", "content": "Mudou de sala"}
    path = f"{LETTERS}/{letter_id}/replay"

    foreseen = await call(client, as_("owner"), "POST", path, json={"data": data, "dryRun": True})
    replayed = await call(client, as_("owner"), "POST", path, json={"data": data})
    gone = await call(client, as_("owner"), "POST", path, 404, json={"data": data})

    assert foreseen == {"queue": None, "jobId": None, "foreseen": "sends"}
    assert replayed == {"queue": "automation", "jobId": "a", "foreseen": None}
    assert (await stored("automation", "a"))["content"] == "Mudou de sala"
    assert gone["error"]["code"] == "not_found"


async def test_a_letter_whose_job_waits_again_is_taken_away_and_said_so(
    app: App, client: httpx.AsyncClient, as_: As
) -> None:
    letter_id = await bury(app, "a")
    await app.queues["automation"].add("automation", AUTOMATION, job_id="a")

    foreseen = await call(client, as_("owner"), "POST", f"{LETTERS}/{letter_id}/replay", json={"dryRun": True})
    refused = await call(client, as_("owner"), "POST", f"{LETTERS}/{letter_id}/replay", 409)

    assert foreseen["foreseen"] == "busy"
    assert refused["error"]["code"] == "not_allowed"
    assert await app.dead_letters.count() == 0


async def test_one_is_purged(app: App, client: httpx.AsyncClient, as_: As) -> None:
    letter_id = await bury(app, "a")

    await call(client, as_("operator"), "DELETE", f"{LETTERS}/{letter_id}", 204)
    await call(client, as_("operator"), "DELETE", f"{LETTERS}/{letter_id}", 404)

    assert await app.dead_letters.count() == 0


@pytest.mark.parametrize("name", ["wait", "meta", "events", "1", "dlq-nobody", "a:b", "%00", "x" * 300])
@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_what_is_no_letter_is_not_found(
    app: App, client: httpx.AsyncClient, as_: As, method: str, name: str
) -> None:
    """The queue's own keys lie beside its letters, and must not be taken for one."""
    await bury(app, "a")

    await call(client, as_("owner"), method, f"{LETTERS}/{name}", 404)

    assert await app.dead_letters.count() == 1


# --- what the replays of messages and campaigns would do ------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "campaign", "is_out", "foreseen"),
    [
        (None, "running", False, "sends"),
        ("refused", "running", False, "sends"),
        ("delivered", "running", False, "sent"),
        ("sending", "running", False, "unconfirmed"),
        (None, "cancelled", False, "unwanted"),
        (None, "running", True, "unwanted"),
    ],
)
async def test_a_campaigns_message_is_foreseen_as_its_ledger_and_its_recipient_say(
    app: App, client: httpx.AsyncClient, as_: As, redis_client: Any, prefix: str, *,
    state: str | None, campaign: str, is_out: bool, foreseen: str,
) -> None:  # fmt: skip
    send = CampaignSend(campaign_id="c", organization_id="org_123", recipient=ANA, text="Olá")
    letter_id = await bury(app, send.job_id(), queue="campaign", data=wire(send))
    await redis_client.hset(f"oxyq:{prefix}:org:org_123:campaign:c", "state", campaign)
    if state is not None:
        await redis_client.hset(
            message("org_123", send.message_key(), prefix=prefix), mapping={"state": state, "at": "1"}
        )
    if is_out:
        await app.contacts.opt_out("org_123", ANA, source="test")

    found = await call(client, as_("owner"), "POST", f"{LETTERS}/{letter_id}/replay", json={"dryRun": True})

    assert found["foreseen"] == foreseen


async def test_a_message_that_was_answered_meanwhile_is_not_answered_again(
    app: App, client: httpx.AsyncClient, as_: As, redis_client: Any, prefix: str
) -> None:
    letter_id = await bury(app, "m", queue="message", data=MESSAGE)
    before = await call(client, as_("owner"), "POST", f"{LETTERS}/{letter_id}/replay", json={"dryRun": True})
    known_as = digest(parse_new(InboundMessage, MESSAGE))
    chat = f"oxyq:{prefix}:org:org_123:conversation-seen:{MESSAGE['instanceId']}:5511999999999"
    await redis_client.zadd(chat, {known_as: 1})

    after = await call(client, as_("owner"), "POST", f"{LETTERS}/{letter_id}/replay", json={"dryRun": True})

    assert (before["foreseen"], after["foreseen"]) == ("sends", "answered")


@pytest.mark.parametrize(
    ("entry", "foreseen"),
    [
        ({"state": "sending"}, "twice"),
        ({"state": "sending", "repeated": "1"}, "unconfirmed"),
        ({"state": "refused"}, "sends"),
        ({"state": "read"}, "sent"),
    ],
)
async def test_a_reminder_is_foreseen_as_the_ledger_says(
    app: App, client: httpx.AsyncClient, as_: As, redis_client: Any, prefix: str, entry: dict[str, str], foreseen: str
) -> None:
    letter_id = await bury(app, "a")
    key = f"{parse_stored(Automation, {**AUTOMATION, 'automationId': 'a'}).job_id()}/0"
    await redis_client.hset(message("org_123", key, prefix=prefix), mapping={"at": "1", **entry})

    found = await call(client, as_("owner"), "POST", f"{LETTERS}/{letter_id}/replay", json={"dryRun": True})

    assert found["foreseen"] == foreseen


async def test_a_reminder_that_is_not_wanted_or_too_late_is_not_sent(
    app: App, client: httpx.AsyncClient, as_: As, redis_client: Any, prefix: str
) -> None:
    # Given a reminder that failed for good, and is still in failed
    async def refuse(job: Job) -> None:
        raise Unrecoverable("no")

    job_id = await app.producer.add_automation_job(AUTOMATION)
    worker = Worker("automation", refuse, hub=app.hub)
    await worker.start()
    await eventually(lambda: app.queues["automation"].state(job_id), "failed")
    await worker.stop()
    path = f"{LETTERS}/dlq-automation-{job_id}/replay"

    async def foreseen() -> str:
        told: str = (await call(client, as_("owner"), "POST", path, json={"dryRun": True}))["foreseen"]
        return told

    assert await foreseen() == "sends"

    # When its time is long past
    await redis_client.hset(f"{prefix}:automation:{job_id}", "timestamp", now_ms() - 10 * 3_600_000)
    assert await foreseen() == "late"

    # and when it is withdrawn, which is said first
    await app.automation_control.withdraw("org_123", Selection(automation_id="auto_001"))
    assert await foreseen() == "unwanted"


# --- whose ----------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("tasks")
async def test_each_organization_sees_and_touches_its_own(app: App, client: httpx.AsyncClient, as_: As) -> None:
    mine, theirs = await bury(app, "a"), await bury(app, "b", org="org_2")
    nobodys = await bury(app, "c", org=None, kind="malformed", reason="malformed: its 'data' is not JSON")
    me = as_("operator", "org_123")

    assert await ids(client, me) == [mine]
    assert [one["count"] for one in (await call(client, me, "GET", f"{LETTERS}/groups"))["groups"]] == [1]
    await call(client, me, "GET", f"{LETTERS}?organizationId=org_2", 404)
    await call(client, me, "POST", f"{LETTERS}/replay", 404, json={"filter": {"organizationId": "org_2"}})
    for letter_id in (theirs, nobodys):
        await call(client, me, "GET", f"{LETTERS}/{letter_id}", 404)
        await call(client, me, "POST", f"{LETTERS}/{letter_id}/replay", 404)
        await call(client, me, "DELETE", f"{LETTERS}/{letter_id}", 404)
    foreseen = await call(client, me, "POST", f"{LETTERS}/replay", json={"ids": [theirs, mine], "dryRun": True})
    assert foreseen["total"] == 1
    purged = await call(client, me, "POST", f"{LETTERS}/purge", 202, json={"ids": [theirs, nobodys, mine]})
    assert (await ended(app, purged["taskId"])).tally.done == 1
    assert set(await ids(client, as_("owner"))) == {theirs, nobodys}


async def test_edited_data_stays_with_its_organization(app: App, client: httpx.AsyncClient, as_: As) -> None:
    letter_id = await bury(app, "a")
    data = {**AUTOMATION, "organizationId": "org_2"}

    answer = await call(
        client, as_("operator", "org_123"), "POST", f"{LETTERS}/{letter_id}/replay", 422, json={"data": data}
    )

    assert answer["error"]["field"] == "data.organizationId"


@pytest.mark.parametrize("path", [f"{LETTERS}/replay", f"{LETTERS}/purge", f"{LETTERS}/dlq-automation-a/replay"])
async def test_a_viewer_may_only_look(app: App, client: httpx.AsyncClient, as_: As, path: str) -> None:
    await bury(app, "a")

    await call(client, as_("viewer"), "POST", path, 403, json={"filter": {}})
    await call(client, as_("viewer"), "DELETE", f"{LETTERS}/dlq-automation-a", 403)

    assert await ids(client, as_("viewer")) == ["dlq-automation-a"]


@pytest.mark.parametrize(
    ("method", "path", "body", "field", "problem"),
    [
        ("POST", "/replay", {}, "ids", "or filter must be given"),
        ("POST", "/replay", {"ids": ["a"], "filter": {}}, "ids", "or filter must be given"),
        ("POST", "/replay", {"ids": []}, "ids", "give at least one"),
        ("POST", "/replay", {"filter": {"colour": "red"}}, "filter.colour", "is not a known field"),
        ("POST", "/replay", {"filter": {}, "perSecond": 0}, "perSecond", "must be 1 or more"),
        ("POST", "/purge", {"filter": {}, "perSecond": 1}, "perSecond", "is not a known field"),
        ("POST", "/dlq-automation-a/replay", {"data": {"content": ""}}, "data.content", "must not be blank"),
        ("POST", "/dlq-automation-a/replay", {"data": []}, "data", "must be"),
        ("GET", "?cursor=forged", None, "cursor", "is not one of ours"),
        ("GET", "?since=yesterday", None, "since", "must be a whole number"),
        ("GET", "?colour=red", None, "colour", "is not a known query parameter"),
        ("GET", "/groups?reason=x", None, "reason", "is not a known query parameter"),
    ],
)
async def test_bad_input_names_the_field_and_the_fix(
    app: App, client: httpx.AsyncClient, as_: As, method: str, path: str, body: Any, field: str, problem: str
) -> None:
    await bury(app, "a")

    answer = await call(client, as_("owner"), method, LETTERS + path, 422, json=body)

    told = {one["field"]: one["message"] for one in answer["error"]["problems"]}
    assert problem in told[field]


async def test_what_is_done_is_in_the_audit(app: App, client: httpx.AsyncClient, as_: As) -> None:
    letter_id = await bury(app, "a")

    await call(client, as_("operator", "org_123"), "POST", f"{LETTERS}/{letter_id}/replay")

    [entry] = (await app.audit.page(Wanted())).entries
    assert (entry.deed.action, entry.deed.target, entry.deed.by, entry.outcome) == (
        "dead-letter.replay", letter_id, "tests", "done",
    )  # fmt: skip
