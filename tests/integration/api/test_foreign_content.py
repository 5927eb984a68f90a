"""Whatever others left in Redis: lists show it as a row, pages as a page, and nothing that is asked for breaks."""

from collections.abc import AsyncIterator
from urllib.parse import quote

import httpx
import pytest
import redis.asyncio

from oxyq.access.tokens import Principal
from oxyq.api import deadline
from oxyq.app import App
from oxyq.dashboard.entrance import COOKIE
from tests.integration.api.conftest import As
from tests.integration.foreign_jobs import KINDS, put

BOARD = "/admin/queues"
STATES = {
    "wait": "waiting", "active": "active", "delayed": "delayed", "prioritized": "waiting", "completed": "completed",
    "failed": "failed", "waiting-children": "waiting-children",
}  # fmt: skip
#: What can be asked for with one job, and its body.
DEEDS = {
    "retry": None, "promote": None, "fail": None, "reschedule": {"at": 1795377084000}, "priority": {"priority": 1},
    "duplicate": {},
}  # fmt: skip


@pytest.fixture(autouse=True)
def _time_for_a_busy_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """The API gives Redis 1.5 s; here it is about what is answered, not when."""
    monkeypatch.setattr(deadline, "REDIS_SECONDS", 20.0)


@pytest.fixture
async def raw(redis_url: str) -> AsyncIterator["redis.asyncio.Redis"]:
    """A client that writes bytes."""
    async with redis.asyncio.Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
async def board(client: httpx.AsyncClient, app: App) -> httpx.AsyncClient:
    """The same caller, logged in as an owner who sees everything."""
    client.headers["Cookie"] = f"{COOKIE}={await app.sessions.open(Principal('ana', 'owner'), None, '')}"
    return client


async def filled(raw: "redis.asyncio.Redis", prefix: str, queue: str, state: str) -> list[str]:
    """The ids of one of each kind in a state."""
    ids = [f"{state}-{kind}" for kind in KINDS]
    for job_id, kind in zip(ids, KINDS, strict=True):
        await put(raw, f"{prefix}:{queue}:", state, job_id, kind)
    return ids


@pytest.mark.parametrize("state", STATES)
async def test_every_list_shows_each_as_a_row(
    board: httpx.AsyncClient, as_: As, raw: "redis.asyncio.Redis", prefix: str, state: str
) -> None:
    ids = await filled(raw, prefix, "message", state)

    for role in ("owner", "operator"):  # an operator sees numbers and texts masked
        answer = await board.get(f"/v1/queues/message/jobs?state={STATES[state]}&limit=100", headers=as_(role))
        assert answer.status_code == 200, answer.text
        rows = {row["id"]: row for row in answer.json()["jobs"]}
        assert set(rows) == set(ids)
        for kind in ("missing", "a-string", "a-list", "a-set", "no-name", "no-data", "data-cut-off", "data-not-utf8"):
            assert rows[f"{state}-{kind}"]["broken"], kind
        assert not rows[f"{state}-extra-fields"]["broken"]
    page = await board.get(f"{BOARD}/queue/message?state={STATES[state]}")
    assert page.status_code == 200
    assert "<script>alert" not in page.text
    for where in (f"/v1/queues/message/facets?state={STATES[state]}", "/v1/queues", "/v1/overview", "/health/queues"):
        assert (await board.get(where, headers=as_("owner"))).status_code == 200, where


async def test_each_has_its_page_and_what_is_asked_of_it_is_answered(
    board: httpx.AsyncClient, as_: As, raw: "redis.asyncio.Redis", prefix: str
) -> None:
    """Found or not, done or refused: never a failure of ours."""
    owner, wrong = as_("owner"), dict[str, str]()
    for state in ("failed", "delayed"):
        for job_id in await filled(raw, prefix, "message", state):
            place = f"message/jobs/{quote(job_id)}"
            answers = [
                await board.get(f"/v1/jobs/message/{quote(job_id)}", headers=owner),
                await board.get(f"/v1/queues/{place}", headers=owner),
                await board.get(f"/v1/queues/{place}/logs", headers=owner),
                await board.get(f"{BOARD}/queue/message/job/{quote(job_id)}"),
            ]
            for deed, body in DEEDS.items():
                answers.append(await board.post(f"/v1/queues/{place}/{deed}", headers=owner, json=body))
            answers.append(await board.patch(f"/v1/queues/{place}/data", headers=owner, json={"content": "Oi"}))
            answers.append(await board.delete(f"/v1/queues/{place}", headers=owner))
            for answer in answers:
                if answer.status_code >= 500:
                    wrong[f"{job_id} {answer.request.method} {answer.request.url.path}"] = answer.text[:200]
    assert wrong == {}


@pytest.mark.parametrize(
    "query", ["text=alert", "organizationId=org_1", "name=message.process", "contact=5511999999999"]
)
async def test_filters_pass_over_what_they_cannot_read(
    board: httpx.AsyncClient, as_: As, raw: "redis.asyncio.Redis", prefix: str, query: str
) -> None:
    await filled(raw, prefix, "message", "failed")

    answer = await board.get(f"/v1/queues/message/jobs?state=failed&{query}", headers=as_("owner"))

    assert answer.status_code == 200, answer.text


async def test_letters_that_others_left_are_listed_grouped_and_shown(
    board: httpx.AsyncClient, as_: As, raw: "redis.asyncio.Redis", prefix: str
) -> None:
    owner = as_("owner")
    ids = await filled(raw, prefix, "dead-letter", "wait")

    listed = await board.get("/v1/dead-letters?limit=100", headers=owner)
    assert listed.status_code == 200, listed.text
    for where in ("/v1/dead-letters/groups", "/v1/dead-letters?reason=abc", "/v1/dead-letters?organizationId=org_1"):
        assert (await board.get(where, headers=owner)).status_code == 200, where
    for where in ("dead-letters", "dead-letters/list", ""):
        assert (await board.get(f"{BOARD}/{where}")).status_code == 200, where
    wrong = dict[str, str]()
    for letter_id in ids:
        for answer in (
            await board.get(f"/v1/dead-letters/{quote(letter_id)}", headers=owner),
            await board.get(f"{BOARD}/dead-letters/{quote(letter_id)}"),
            await board.post(f"/v1/dead-letters/{quote(letter_id)}/replay", headers=owner, json={}),
            await board.delete(f"/v1/dead-letters/{quote(letter_id)}", headers=owner),
        ):
            if answer.status_code >= 500:
                wrong[f"{letter_id} {answer.request.method} {answer.request.url.path}"] = answer.text[:200]
    assert wrong == {}


SCHEDULERS: dict[str, tuple[float, dict[str, bytes]]] = {
    "goes-backwards": (1, {"name": b"x", "every": b"-5"}),
    "stands-still": (1, {"name": b"x", "every": b"0"}),
    "never": (float("inf"), {"name": b"x", "every": b"5000"}),
    "cron-of-junk": (1, {"name": b"x", "pattern": b"a b\n\x1b[31m c d e"}),
    "february-30": (1, {"name": b"x", "pattern": b"0 0 30 2 *"}),
    "zone-of-dots": (1, {"name": b"x", "pattern": b"* * * * *", "tz": b"." * 3000 + b"/x"}),
    "data-deep": (1, {"name": b"x", "every": b"60000", "data": b"[" * 20_000}),
    "not-utf8": (1, {"name": b"\xff", "every": b"60000", "data": b"\xff"}),
    "ends-in-year-0": (1, {"name": b"x", "every": b"60000", "endDate": b"0000-00-00", "limit": b"x"}),
    "nothing": (1, {}),
}


async def test_schedulers_that_others_left_are_listed_and_shown(
    board: httpx.AsyncClient, as_: As, raw: "redis.asyncio.Redis", prefix: str
) -> None:
    base = f"{prefix}:automation:repeat"
    for scheduler_id, (score, fields) in SCHEDULERS.items():
        await raw.zadd(base, {scheduler_id: score})
        if fields:
            await raw.hset(f"{base}:{scheduler_id}", mapping=fields)  # type: ignore[arg-type]
    await raw.zadd(base, {"a-string": 1})
    await raw.set(f"{base}:a-string", b"something else")

    listed = await board.get("/v1/schedulers", headers=as_("owner"))

    assert listed.status_code == 200, listed.text
    assert {one["id"] for one in listed.json()["schedulers"]} >= set(SCHEDULERS)
    assert (await board.get(f"{BOARD}/automations/schedules")).status_code == 200
    for scheduler_id in SCHEDULERS:
        shown = await board.get(f"/v1/schedulers/{scheduler_id}", headers=as_("owner"))
        assert shown.status_code == 200, (scheduler_id, shown.text)
        assert (await board.get(f"{BOARD}/automations/schedules/{scheduler_id}")).status_code == 200
        run = await board.post(f"/v1/schedulers/{scheduler_id}/run", headers=as_("owner"))
        assert run.status_code in (202, 409), (scheduler_id, run.text)


async def test_a_queue_whose_keys_are_something_else_fails_alone(
    board: httpx.AsyncClient, as_: As, raw: "redis.asyncio.Redis", prefix: str
) -> None:
    """Given the list of one queue is a text, then the other queues are shown, and nobody gets a traceback."""
    await raw.set(f"{prefix}:campaign:wait", b"something else")
    await filled(raw, prefix, "message", "wait")

    assert (await board.get("/v1/queues/message/jobs?state=waiting", headers=as_("owner"))).status_code == 200
    broken = await board.get("/v1/queues/campaign/jobs?state=waiting", headers=as_("owner"))
    assert (broken.status_code, broken.json()["error"]["code"]) == (503, "queue_unavailable")
