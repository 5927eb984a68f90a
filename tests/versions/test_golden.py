"""What an earlier release left behind, and what Node BullMQ left: this one shows all of it and works it to its end."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import redis

from oxyq.access.tokens import Principal, issue
from oxyq.api.application import create_api
from oxyq.app import App, open_app
from oxyq.dashboard.entrance import COOKIE
from oxyq.dead_letters import Filter
from oxyq.gateways.simulator import Received, read_log
from oxyq.organizations import demo_organization
from oxyq.process import running_workers
from oxyq.settings import load_settings
from tests.command_line import CommandLine
from tests.conftest import StartRedis
from tests.redis_server import RedisServer
from tests.route_table import served
from tests.versions.dump import put_back, saved
from tests.versions.make_golden import GOLDEN, SETTINGS

RELEASES = sorted(folder.name for folder in GOLDEN.iterdir() if folder.name[0].isdigit())
SHOP, BARBER = "org_123", "org_456"
ANA = "5511999990010"
#: How the recipients' numbers of the two campaigns begin that were under way.
HALF, PAUSED = "55119600", "55119610"


def put_on(server: RedisServer, golden: Path, folder: Path) -> dict[str, str]:
    """Put back what was left, and return the environment of the installation there."""
    with redis.Redis.from_url(server.url) as client:
        # Whoever had a job in hand, or looked for those of dead workers, is long gone.
        gone = (":lock", ":stalled-check")
        put_back(client, (key for key in saved(golden / "keys.jsonl") if not str(key["key"]).endswith(gone)))
    if (sent_before := golden / "sent.jsonl").exists():
        (folder / "simulator.jsonl").write_text(sent_before.read_text())
    return {
        **SETTINGS, "REDIS_URL": server.url, "OXYQ_DATA_DIR": str(folder), "OXYQ_CAMPAIGN_RATE": "100000/1",
        "OXYQ_STALLED_INTERVAL_SECONDS": "0.5",
    }  # fmt: skip


@pytest.fixture(params=RELEASES)
def settings_left(request: pytest.FixtureRequest, start_redis: StartRedis, tmp_path: Path) -> dict[str, str]:
    """The environment of an installation that an earlier release left on a server and on the disk."""
    return put_on(start_redis(), GOLDEN / request.param, tmp_path)


@pytest.fixture
async def left(settings_left: dict[str, str]) -> AsyncIterator[App]:
    """This release, on what an earlier one left."""
    async with open_app(load_settings(settings_left)) as app:
        yield app


@pytest.fixture
def left_behind(settings_left: dict[str, str], tmp_path: Path) -> CommandLine:
    """`oxyq` on what an earlier release left."""
    return CommandLine(tmp_path, **settings_left)


def sent(app: App) -> list[Received]:
    """What WhatsApp got from both releases."""
    return read_log(app.settings.simulator_log_path)


def reached(app: App) -> dict[str, Counter[str]]:
    """Who was reached by the campaign that was half-way, and by the one that was paused; how often."""
    return {
        beginning: Counter(one.to for one in sent(app) if one.to.startswith(beginning)) for beginning in (HALF, PAUSED)
    }


async def until(app: App, **states: str) -> None:
    """Wait until these campaigns stand so."""
    deadline = time.monotonic() + 40
    for campaign_id, state in states.items():
        while (found := (await app.campaigns.get(SHOP, f"c-{campaign_id}"))) is None or found.state != state:
            assert time.monotonic() < deadline, found
            await asyncio.sleep(0.05)


async def open_jobs(app: App) -> dict[str, int]:
    """How many jobs could run now, or run."""
    counts = await app.queue_counts()
    return {
        name: sum(now.get(state, 0) for state in ("waiting", "prioritized", "active")) for name, now in counts.items()
    }


async def letters(app: App) -> dict[str, str]:
    """The dead letters, and why."""
    return {letter.id: letter.reason async for letter in app.dead_letters.find(Filter())}


async def test_workers_finish_what_it_left(left: App) -> None:
    # Given a campaign of which half went out, one that is paused, a draft, a queue and an organization that are paused,
    # a job in the hand of a worker that died, reminders for later, and dead letters
    buried, before = await letters(left), reached(left)
    assert 0 < before[HALF].total() < 150 and 0 < before[PAUSED].total() < 80 and len(buried) >= 5

    # When this release goes on, and what had been done is run again by hand
    for name in ("message", "automation", "campaign"):
        done = await left.queues[name].ids("completed", 0, 20)
        assert done and all([await left.queues[name].retry(job_id, "completed") for job_id in done])
    await left.queues["message"].resume()
    await left.campaign_control.resume(SHOP, "c-paused")
    await left.campaign_control.launch(SHOP, "c-draft")
    await left.organizations.change(BARBER, lambda barber: barber.model_copy(update={"paused_at": None}))
    async with running_workers(left):
        await until(left, half="completed", paused="completed", draft="completed")
        deadline = time.monotonic() + 30
        # What was held for an organization that is paused goes on some seconds after it is resumed.
        while any((await open_jobs(left)).values()) or "Lembrete held" not in {one.text for one in sent(left)}:
            assert time.monotonic() < deadline, await left.queue_counts()
            await asyncio.sleep(0.05)

    # Then both campaigns reached everybody whom they had not reached, and nobody twice
    campaigns = [await left.campaigns.get(SHOP, campaign_id) for campaign_id in ("c-half", "c-paused")]
    assert [campaign and campaign.statuses["sent"] for campaign in campaigns] == [150, 80]
    assert reached(left) == {
        HALF: {f"{HALF}{10 * n:05}": 1 for n in range(150)}, PAUSED: {f"{PAUSED}{10 * n:05}": 1 for n in range(80)},
    }  # fmt: skip
    # And the chat was answered, and the reminders went out that were in a dead worker's hand, or held
    texts = Counter(one.text for one in sent(left))
    assert texts["Lembrete in-hand"] == texts["Lembrete held"] == 1
    assert any("Pix" in text for text in texts)
    assert texts["Lembrete tomorrow"] == texts["Lembrete withdrawn"] == 0
    # And nothing went out twice, and only what the draft could not send is a dead letter more
    assert len({one.key for one in sent(left)}) == len(sent(left))
    new = {letter_id: reason for letter_id, reason in (await letters(left)).items() if letter_id not in buried}
    assert len(new) == 2 and all("connection was refused" in r or "not on WhatsApp" in r for r in new.values()), new


async def test_secrets_that_it_sealed_are_opened(left: App) -> None:
    number = await left.instances.get("wa_cloud")
    assert number is not None
    assert await left.instances.secrets(number) == {"access_token": "made-up-token"}


async def named(app: App) -> dict[str, str]:
    """What the routes are asked for: things that were left, by their names in addresses."""
    [task, *_] = await app.bulk.list()
    [scheduler] = await app.redis.zrange(f"{app.hub.prefix}:automation:repeat", 0, -1)
    [session] = await app.sessions.list(SHOP)
    return {
        "queue": "campaign", "job_id": (await app.queues["campaign"].ids("completed", 0, 0))[0],
        "waiting": next(job_id for job_id, _ in await app.queues["automation"].delayed_ids() if job_id[:5] == "auto-"),
        "campaign_id": "c-half", "draft": "c-draft", "number": ANA, "contact": ANA, "chat": ANA,
        "schedule_id": "daily", "scheduler_id": scheduler,
        "instance_id": "wa_cloud", "organization_id": SHOP, "letter_id": next(iter(await letters(app))),
        "task_id": task.id, "session_id": session.id, "kind": "faq", "place": "0",
    }  # fmt: skip


#: Routes that show no data: what never ends, what is no page, and pages that come after a form.
_NO_LIST = (
    "/events",
    "/static/",
    "/login",
    "/webhooks/",
    "/dead-letters/replay",
    "/dead-letters/purge",
    "/health",
    "/ready",
)
_OF_A_DRAFT = ("/check", "/edit")


async def test_every_page_and_list_shows_it(left: App) -> None:
    """The whole board, and every list of the API, asked for what is there."""
    api, names = create_api(left), await named(left)
    owner = Principal("ana@example.com", "owner", None)
    headers = {
        "/v1": {"Authorization": f"Bearer {issue(left.settings, owner.sub, owner.role)}"},
        "/admin": {"Cookie": f"{COOKIE}={await left.sessions.open(owner, None, '')}"},
    }
    asked, wrong = 0, []
    transport = httpx.ASGITransport(api)
    async with httpx.AsyncClient(transport=transport, base_url="http://oxyq.test", follow_redirects=True) as client:
        for route in served(api):
            door = f"/{route.path.split('/')[1]}"
            if route.method != "GET" or door not in headers or any(part in route.path for part in _NO_LIST):
                continue
            known = {**names, "campaign_id": names["draft"] if route.path.endswith(_OF_A_DRAFT) else "c-half"}
            known["job_id"] = names["waiting"] if "/waiting/" in route.path else names["job_id"]
            query = {"organizationId" if door == "/v1" else "organization": SHOP}
            if route.path.endswith(("/jobs", "/facets")):
                query = {"state": "completed"}
            answer = await client.get(route.path.format(**known), headers=headers[door], params=query)
            if answer.status_code == 422:  # it takes no organization
                answer = await client.get(route.path.format(**known), headers=headers[door])
            asked += 1
            if answer.status_code != 200:
                wrong.append(f"{route.path}: {answer.status_code} {answer.text[:200]}")
    assert not wrong, "\n".join(wrong)
    assert asked > 50


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        ("queues stats", "campaign"),
        ("dlq list", "dlq-message-"),
        ("orgs list", "Pet Shop Amigo Fiel"),
        ("instances list", "wa_cloud"),
        ("campaigns list --org org_123", "c-half"),
        ("campaigns show c-half --org org_123", "running"),
        ("conversations list org_123", "9999"),
        ("automations list --org org_123", "a-tomorrow"),
        ("schedules list --org org_123", "daily"),
        ("contacts show org_123 5511999990030", "no campaigns since"),
        ("audit list", "queue.pause"),
    ],
)
def test_commands_show_it(command: str, shown: str, left_behind: CommandLine) -> None:
    ended = left_behind(*command.split())
    assert ended.code == 0, ended.err
    assert shown in ended.out


@pytest.mark.parametrize("left_by", ["bullmq-6", "bullmq-5"])
async def test_workers_finish_what_node_left(left_by: str, start_redis: StartRedis, tmp_path: Path) -> None:
    """A job that waits, one that is urgent, one that is due, one in a dead worker's hand, a campaign: each once."""
    settings = put_on(start_redis(), GOLDEN / left_by, tmp_path)
    async with open_app(load_settings(settings)) as app:
        await app.organizations.save(demo_organization().model_copy(update={"id": SHOP}))
        queue = app.queues["message"]
        before = await queue.data(["by-node", "failed-in-node"])
        async with running_workers(app):
            await until(app, node="completed")
            deadline = time.monotonic() + 30
            while len(received := sent(app)) < 3 + 1 + 30 + 1:
                assert time.monotonic() < deadline, (Counter(one.to for one in received), await app.queue_counts())
                await asyncio.sleep(0.05)

        texts = Counter(one.text for one in sent(app))
        assert Counter(one.to for one in sent(app)) == {
            "5511999990010": 1, "5511999990020": 1, "5511999990030": 1, "5511999990040": 1,
            "5511988880000": 1, **{f"55119{70_000_000 + n}": 1 for n in range(30)},
        }  # fmt: skip
        assert (texts["Lembrete soon"], texts["Lembrete tomorrow"], texts["Lembrete daily"]) == (1, 0, 0)
        # What Node had ended is as it was, and its scheduler goes on.
        assert await queue.data(["by-node", "failed-in-node"]) == before
        assert (await queue.state("by-node"), await queue.state("failed-in-node")) == ("completed", "failed")
        assert len(await app.queues["automation"].delayed_ids()) == 2
