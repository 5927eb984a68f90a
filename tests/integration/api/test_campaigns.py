"""Campaigns over HTTP: made, filled, looked at, started and stopped, by those whose they are."""

import asyncio
import csv
import io
import json
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import quote

import httpx
import pytest
import structlog
from structlog.testing import CapturingLogger

from oxyq.api.application import create_api
from oxyq.app import App, open_app
from oxyq.clock import now_ms
from oxyq.jobs import CampaignContent, parse_new
from oxyq.organizations import Organization
from oxyq.settings import Settings
from oxyq.telemetry.events import CampaignEnded, Event
from tests.integration.api.conftest import As
from tests.integration.api.payloads import CAMPAIGN
from tests.redis_server import RedisServer

Keys = Callable[[], Awaitable[set[str]]]

pytestmark = pytest.mark.usefixtures("shops")

CONTENT = {name: value for name, value in CAMPAIGN.items() if name != "recipients"}
CAMPAIGNS, THIS = "/v1/campaigns", "/v1/campaigns/campaign_001"
CSV, NDJSON = {"Content-Type": "text/csv"}, {"Content-Type": "application/x-ndjson"}
ROWS = "number,name\n5511988888888,Ana\n5511977777777,\n5511988888888,Bia\n123,Rui\n"
ACTS = ("start", "pause", "resume", "cancel", "resend-failed")


class Caller:
    """Somebody with a token; every call gives (status, answer)."""

    def __init__(self, client: httpx.AsyncClient, headers: dict[str, str]) -> None:
        self.client = client
        self.headers = headers

    async def call(
        self, method: str, path: str, headers: dict[str, str] | None = None, **more: Any
    ) -> tuple[int, dict[str, Any]]:
        answer = await self.client.request(method, path, headers={**self.headers, **(headers or {})}, **more)
        body = answer.json()
        return answer.status_code, body.get("error", body)

    async def draft(self, **changes: object) -> tuple[int, dict[str, Any]]:
        return await self.call("POST", f"{CAMPAIGNS}?draft=true", json={**CONTENT, **changes})

    async def fill(
        self, rows: str | bytes = ROWS, headers: dict[str, str] = CSV, path: str = THIS
    ) -> tuple[int, dict[str, Any]]:
        content = rows.encode() if isinstance(rows, str) else rows
        return await self.call("PUT", f"{path}/recipients", headers, content=content)

    async def act(self, what: str, path: str = THIS) -> tuple[int, dict[str, Any]]:
        return await self.call("POST", f"{path}/{what}")

    async def look(self, path: str = THIS) -> tuple[int, dict[str, Any]]:
        return await self.call("GET", path)


@pytest.fixture
def shop(client: httpx.AsyncClient, as_: As) -> Caller:
    """Somebody who may act for org_123."""
    return Caller(client, as_("operator", "org_123"))


@pytest.fixture
async def working(app: App) -> AsyncIterator[Callable[[], Awaitable[CampaignEnded]]]:
    """Workers that run; a function that waits until a campaign has ended."""
    ended: asyncio.Queue[CampaignEnded] = asyncio.Queue()

    def heard(event: Event) -> None:
        if isinstance(event, CampaignEnded):
            ended.put_nowait(event)

    app.telemetry.listen(heard)
    workers = app.workers()
    await workers.start()
    yield lambda: asyncio.wait_for(ended.get(), 20)
    await workers.stop(5)


# --- a campaign's life ------------------------------------------------------------------------------------------


async def test_a_campaign_from_its_draft_to_its_report(
    shop: Caller, as_: As, working: Callable[[], Awaitable[object]]
) -> None:
    """Given a draft and a list as people have them, when it is started, then everybody is accounted for."""
    # Given
    status, made = await shop.draft()
    assert (status, made["state"], made["recipients"], made["startedAt"]) == (201, "draft", 0, None)
    status, filled = await shop.fill("\ufefftelefone;name\r\n(11) 98888-8888;Ana\r\n11 97777-7777;\r\n123;Rui\r\n")
    assert (status, filled["state"], filled["recipients"], filled["waiting"]) == (200, "draft", 3, 3)

    # When
    status, started = await shop.act("start")
    assert (status, started["state"]) == (200, "planning")
    await working()

    # Then
    status, ended = await shop.look()
    assert (status, ended["state"]) == (200, "completed")
    counts = {name: ended[name] for name in ("recipients", "sent", "failed", "waiting", "skipped", "cancelled")}
    assert counts == {
        "recipients": 3, "sent": 2, "failed": 0, "waiting": 0, "skipped": {"invalid": 1}, "cancelled": 0,
    }  # fmt: skip
    assert ended["createdAt"] <= ended["startedAt"] <= ended["endedAt"]

    owner = as_("owner", "org_123")
    answer = await shop.client.get(f"{THIS}/report", headers=owner)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"].startswith('attachment; filename="campaign-campaign_001.csv"')
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [(row["row"], row["number"], row["status"]) for row in rows] == [
        ("1", "5511988888888", "sent"),
        ("2", "5511977777777", "sent"),
        ("3", "123", "skipped"),
    ]
    answer = await shop.client.get(f"{THIS}/report?format=ndjson", headers=owner)
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert [json.loads(line)["status"] for line in answer.text.splitlines()] == ["sent", "sent", "skipped"]


async def test_a_campaign_with_its_recipients_is_planning_from_202_on(shop: Caller) -> None:
    """There are no workers here, so nobody takes it in."""
    assert (await shop.call("POST", CAMPAIGNS, json=CAMPAIGN))[0] == 202

    status, campaign = await shop.look()
    assert (status, campaign["state"], campaign["recipients"], campaign["createdAt"]) == (200, "planning", 0, None)
    assert {campaign["campaignId"], campaign["organizationId"]} == {"campaign_001", "org_123"}
    for what in ACTS:
        status, error = await shop.act(what)
        assert (status, error["code"]) == (409, "not_allowed")
        assert error["message"] == "campaign campaign_001 is accepted and not taken in yet; try again in a moment"
    assert (await shop.fill())[0] == 409
    assert (await shop.call("GET", f"{THIS}/report"))[0] == 409
    status, error = await shop.draft()
    assert (status, error["code"]) == (409, "id_conflict")
    assert await shop.call("GET", CAMPAIGNS) == (200, {"campaigns": [], "next": None})


async def test_a_campaign_that_a_worker_is_taking_in_is_no_draft(shop: Caller, app: App) -> None:
    """Given a worker died in the middle of it, then nobody is shown a draft that may be filled."""
    await shop.call("POST", CAMPAIGNS, json=CAMPAIGN)
    await app.campaigns.begin(parse_new(CampaignContent, CONTENT), "of the worker")

    assert (await shop.look())[1]["state"] == "planning"
    assert (await shop.fill())[1]["code"] == "not_allowed"


async def test_a_campaign_that_was_taken_in_is_shown_by_its_counts(
    shop: Caller, working: Callable[[], Awaitable[object]]
) -> None:
    await shop.call("POST", CAMPAIGNS, json={**CAMPAIGN, "startAt": now_ms()})
    await working()

    status, campaign = await shop.look()
    assert (status, campaign["state"], campaign["sent"]) == (200, "completed", 2)
    assert (await shop.call("POST", CAMPAIGNS, json={**CAMPAIGN, "template": "Outra"}))[1]["code"] == "id_conflict"


async def test_a_campaign_for_later_waits_for_its_time(shop: Caller) -> None:
    in_an_hour = now_ms() + 3_600_000
    await shop.draft(startAt=in_an_hour)
    await shop.fill()

    status, campaign = await shop.act("start")

    assert (status, campaign["state"], campaign["startAt"]) == (200, "scheduled", in_an_hour)


# --- what can be done in which state ----------------------------------------------------------------------------

REFUSALS = {
    "empty": {
        "start": "has no recipients yet; hand them in first",
        "pause": "is draft: only a campaign that is planned or running can be paused",
        "resume": "is draft: only a paused campaign can be resumed",
        "resend-failed": "is draft: only a completed campaign can be sent again",
    },
    "draft": {"pause": "is draft", "resume": "is draft", "resend-failed": "is draft"},
    "planning": {"resend-failed": "is planning: only a completed campaign"},
    "paused": {"start": "is paused: only a draft or a scheduled campaign can be started", "resend-failed": "is paused"},
    "cancelled": {what: "is cancelled: " for what in ("start", "pause", "resume", "resend-failed")},
}
LEADS_TO = {
    "empty": {"cancel": "cancelled"},
    "draft": {"start": "planning", "cancel": "cancelled"},
    "planning": {"start": "planning", "pause": "paused", "resume": "planning", "cancel": "cancelled"},
    "paused": {"pause": "paused", "resume": "planning", "cancel": "cancelled"},
    "cancelled": {"cancel": "cancelled"},
}
WAYS = {"empty": (), "draft": (), "planning": ("start",), "paused": ("start", "pause"), "cancelled": ("cancel",)}


@pytest.mark.parametrize("state", WAYS)
async def test_what_cannot_be_done_says_what_can(shop: Caller, state: str) -> None:
    """Each of all five, in each state that needs no workers; done twice it is done once."""
    for number, what in enumerate(ACTS):
        path = f"{CAMPAIGNS}/c{number}"
        await shop.draft(campaignId=f"c{number}")
        if state != "empty":
            await shop.fill(path=path)
        for step in WAYS[state]:
            assert (await shop.act(step, path))[0] == 200

        status, told = await shop.act(what, path)

        if what in REFUSALS[state]:
            assert (status, told["code"]) == (409, "not_allowed"), (state, what)
            assert REFUSALS[state][what] in told["message"]
        else:
            assert (status, told["state"]) == (200, LEADS_TO[state][what]), (state, what)
            again = await shop.act(what, path)
            assert (again[0], again[1]["state"]) == (status, told["state"])


async def test_a_campaign_is_sent_again_only_to_whom_it_failed_for(
    shop: Caller, working: Callable[[], Awaitable[object]]
) -> None:
    """5511990009902 is a number that the simulator says is not on WhatsApp."""
    await shop.draft()
    await shop.fill("number\n5511988888888\n5511990009902\n")
    await shop.act("start")
    await working()
    assert (await shop.look())[1]["failed"] == 1

    status, campaign = await shop.act("resend-failed")
    assert (status, campaign["state"]) == (200, "planning")
    await working()

    ended = (await shop.look())[1]
    assert (ended["state"], ended["sent"], ended["failed"]) == ("completed", 1, 1)


# --- drafts -----------------------------------------------------------------------------------------------------


async def test_a_draft_is_made_anew_until_it_has_recipients(shop: Caller) -> None:
    first = await shop.client.post(f"{CAMPAIGNS}?draft=true", json=CONTENT, headers=shop.headers)
    assert (first.status_code, first.headers["location"]) == (201, THIS)
    assert (await shop.draft(template="Oi {{name}}!"))[0] == 201
    assert (await shop.fill())[0] == 200

    status, same = await shop.draft(template="Oi {{name}}!")
    assert (status, same["recipients"]) == (201, 4)
    status, error = await shop.draft()
    assert (status, error["code"]) == (409, "id_conflict")
    assert "send the same data again, or change the id field" in error["message"]
    assert (await shop.look())[1]["recipients"] == 4


@pytest.mark.parametrize(
    ("changes", "field", "problem"),
    [
        ({"recipients": ["5511988888888"]}, "recipients", "are handed in by PUT /v1/campaigns/{campaignId}/recipients"),
        ({"startAt": 1_700_000_000_000}, "startAt", "is in the past; leave it out to begin now"),
        ({"startAt": 1_700_000_000}, "startAt", "looks like seconds"),
        ({"template": "Olá {{}}"}, "template", ""),
        ({"campaignId": ""}, "campaignId", "must not be blank"),
        ({"campaign_id": "c"}, "campaign_id", "did you mean campaignId?"),
        ({"extra": 1}, "extra", "is not a known field"),
    ],
)
async def test_a_draft_with_a_mistake_leaves_nothing(
    shop: Caller, keys: Keys, changes: dict[str, object], field: str, problem: str
) -> None:
    before = await keys()

    status, error = await shop.draft(**changes)

    assert (status, error["code"], error["field"]) == (422, "invalid_payload", field)
    assert problem in error["message"]
    assert await keys() == before


async def test_a_draft_of_nobody_is_not_made(client: httpx.AsyncClient, as_: As, keys: Keys) -> None:
    before = await keys()

    status, error = await Caller(client, as_()).draft(organizationId="org_9")

    assert (status, error["code"]) == (404, "not_found")
    assert error["message"] == "there is no organization org_9; check its id"
    assert await keys() == before


# --- recipients -------------------------------------------------------------------------------------------------


async def test_the_same_recipients_are_taken_twice_and_others_are_not(shop: Caller) -> None:
    """Also in the other format: what counts is who they are and what they have."""
    await shop.draft()
    assert (await shop.fill())[0] == 200
    lines = [
        {"number": "5511988888888", "variables": {"name": "Ana"}},
        "5511977777777",
        {"number": "5511988888888", "variables": {"name": "Bia"}},
        {"number": "123", "variables": {"name": "Rui"}},
    ]
    same = "\n".join(json.dumps(line) for line in lines)

    assert (await shop.fill(same, NDJSON))[0] == 200
    status, error = await shop.fill(ROWS + "5511966666666,Zoe\n")

    assert (status, error["code"]) == (409, "id_conflict")
    assert error["message"].startswith("campaign campaign_001 has other recipients already")
    assert (await shop.look())[1]["recipients"] == 4
    # Also when it runs already.
    await shop.act("start")
    assert (await shop.fill())[1]["state"] == "planning"


@pytest.mark.parametrize(
    ("rows", "headers", "message"),
    [
        ("", CSV, "recipients: are an empty file; begin with a header"),
        ("number\n", CSV, "recipients: are none; give at least one number"),
        ("", NDJSON, "recipients: are none; give at least one number"),
        ("name\nAna\n", CSV, "recipients: line 1: names no column of numbers; call one number"),
        ("number,name\n5511988888888\n", CSV, "recipients: line 2, column 2: has only 1 of the 2 cells"),
        ('number\n5511988888888\n"55', CSV, "recipients: line 3: opens a quote that is never closed"),
        ("número\n5511988888888\n".encode("utf-16"), CSV, "recipients: line 1, column 1: is not UTF-8"),
        ("number\n123\nabc\n", CSV, "recipients[0]: "),
        ('"5511988888888"\n{"number":5}', NDJSON, "recipients: line 2: number must be text"),
        ('"5511988888888"\n{"number"', NDJSON, "recipients: line 2, column 10: is not JSON"),
    ],
)
async def test_a_mistake_in_a_file_names_its_place_and_nothing_can_be_sent(
    shop: Caller, rows: str | bytes, headers: dict[str, str], message: str
) -> None:
    await shop.draft(template="Olá!")

    status, error = await shop.fill(rows, headers)

    assert (status, error["code"]) == (422, "invalid_payload")
    assert error["message"].startswith(message)
    campaign = (await shop.look())[1]
    assert (campaign["state"], campaign["recipients"]) == ("draft", 0)
    assert (await shop.act("start"))[1]["message"] == "campaign campaign_001 has no recipients yet; hand them in first"


@pytest.mark.parametrize(
    ("mistake", "message"),
    [
        ('5511988888888,"Ana"!,x', "recipients: line 15001"),
        ("5511988888888,Ana,x", "recipients: line 15001, column 3: has a cell more"),
        ("5511988888888,", "recipients: line 15001: template: {{name}} has no value for recipient 5511988888888"),
    ],
)
async def test_a_mistake_in_line_15001_of_20000_leaves_nothing_that_could_be_sent(
    shop: Caller, app: App, mistake: str, message: str
) -> None:
    """And the file without it is taken whole, with nothing left of the one before."""
    lines = ["number,name", *(f"55119{70_000_000 + number},Ana" for number in range(20_000))]
    await shop.draft(variables={})

    status, error = await shop.fill("\n".join([*lines[:15_000], mistake, *lines[15_001:]]))

    assert (status, error["code"], error["field"]) == (422, "invalid_payload", "recipients")
    assert error["message"].startswith(message)
    assert (await shop.act("start"))[0] == 409
    assert (await app.queues["campaign"].counts())["waiting"] == 0
    status, campaign = await shop.fill("\n".join(lines))
    assert (status, campaign["recipients"], campaign["waiting"]) == (200, 20_000, 20_000)


async def test_recipients_come_only_to_a_draft(shop: Caller) -> None:
    assert (await shop.fill())[0] == 404
    await shop.draft()
    await shop.act("cancel")

    status, error = await shop.fill()

    assert (status, error["code"]) == (409, "not_allowed")
    assert error["message"] == "campaign campaign_001 is cancelled; make the draft again, or another one"
    assert (await shop.look())[1]["state"] == "cancelled"


async def test_a_file_in_many_pieces_is_one_file(shop: Caller) -> None:
    """Cut anywhere, also within a character."""
    await shop.draft()

    async def bytes_one_by_one() -> AsyncIterator[bytes]:
        for byte in ROWS.replace("Ana", "João").encode():
            yield bytes([byte])

    status, campaign = await shop.call("PUT", f"{THIS}/recipients", CSV, content=bytes_one_by_one())

    assert (status, campaign["recipients"]) == (200, 4)


async def test_of_two_uploads_at_once_the_later_one_counts(shop: Caller) -> None:
    await shop.draft()
    first_has_begun, later_is_done = asyncio.Event(), asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield b"number\n5511966666666\n"
        first_has_begun.set()
        await later_is_done.wait()
        yield b"5511955555555\n"

    first = asyncio.create_task(shop.call("PUT", f"{THIS}/recipients", CSV, content=slow()))
    await first_has_begun.wait()
    assert (await shop.fill())[0] == 200
    later_is_done.set()

    status, error = await first
    assert (status, error["code"]) == (409, "id_conflict")
    assert "another upload of them began after this one" in error["message"]
    assert (await shop.look())[1]["recipients"] == 4


# --- before it exists -------------------------------------------------------------------------------------------


async def test_a_preview_says_what_would_happen_and_writes_nothing(shop: Caller, app: App, keys: Keys) -> None:
    await app.contacts.opt_out("org_123", "5511966666666", source="test")
    before = await keys()
    recipients = [*CAMPAIGN["recipients"], "5511988888888", "5511966666666", "123"]

    status, preview = await shop.call("POST", f"{CAMPAIGNS}/preview", json={**CAMPAIGN, "recipients": recipients})

    assert status == 200
    assert (preview["recipients"], preview["skipped"]) == (2, {"duplicate": 1, "invalid": 1, "opted_out": 1})
    assert preview["texts"] == [
        {"number": "5511988888888", "text": "Olá Cliente, temos promoção hoje!", "parameters": []},
        {"number": "5511977777777", "text": "Olá Ana, temos promoção hoje!", "parameters": []},
    ]
    assert {row["number"] for row in preview["leftOut"]} == {"5511988888888", "5511966666666", "123"}
    assert {"endsAt", "waitsFor", "crossesQuietHoursAt"} <= set(preview)
    assert await keys() == before
    for shown in (0, 1):
        status, preview = await shop.call("POST", f"{CAMPAIGNS}/preview?shown={shown}", json=CAMPAIGN)
        assert (status, len(preview["texts"])) == (200, shown)


async def test_a_template_that_meta_approved_is_part_of_the_campaign(shop: Caller, app: App) -> None:
    """In a preview, in a draft and in what is made at once; another template is another campaign."""
    template = {"name": "promo_do_dia", "language": "pt_BR", "parameters": ["{{name}}"]}

    _, preview = await shop.call("POST", f"{CAMPAIGNS}/preview", json={**CAMPAIGN, "metaTemplate": template})
    assert [row["parameters"] for row in preview["texts"]] == [["Cliente"], ["Ana"]]

    assert [(await shop.draft(metaTemplate=template))[0] for _ in range(2)] == [201, 201]
    assert (await shop.fill())[0] == 200
    assert (await shop.draft(metaTemplate={**template, "language": "en"}))[1]["code"] == "id_conflict"
    assert (await shop.draft())[1]["code"] == "id_conflict"
    made = await app.campaigns.get("org_123", "campaign_001")
    assert made is not None and made.meta_template is not None
    assert made.meta_template.parameters == ["{{name}}"]

    wrong = {**CAMPAIGN, "campaignId": "other", "metaTemplate": {**template, "language": "pt-BR"}}
    status, error = await shop.call("POST", CAMPAIGNS, json=wrong)
    assert (status, error["field"]) == (422, "metaTemplate.language")


@pytest.mark.parametrize(
    ("changes", "status", "code", "message"),
    [
        ({"recipients": []}, 422, "invalid_payload", "recipients: must not be empty"),
        ({"startAt": 1_700_000_000_000}, 422, "invalid_payload", "startAt: is in the past"),
        ({"variables": {}}, 422, "invalid_payload", "{{name}} has no value for recipient 5511988888888"),
        ({"organizationId": "org_2"}, 403, "forbidden", "organizationId is not the organization"),
    ],
)
async def test_a_preview_refuses_what_creating_would_refuse(
    shop: Caller, changes: dict[str, object], status: int, code: str, message: str
) -> None:
    told, error = await shop.call("POST", f"{CAMPAIGNS}/preview", json={**CAMPAIGN, **changes})

    assert (told, error["code"]) == (status, code)
    assert message in error["message"]


# --- whose they are ---------------------------------------------------------------------------------------------


async def test_the_latest_campaigns_come_first(shop: Caller) -> None:
    for number in range(3):
        made = await shop.draft(campaignId=f"c{number}")
        # The order is by the ms they were made in.
        while now_ms() <= made[1]["createdAt"]:
            pass

    status, all_of_them = await shop.call("GET", CAMPAIGNS)
    assert status == 200
    assert [campaign["campaignId"] for campaign in all_of_them["campaigns"]] == ["c2", "c1", "c0"]
    one = (await shop.look(f"{CAMPAIGNS}/c2"))[1]
    assert all_of_them["campaigns"][0].items() <= one.items()
    assert one["template"] == CONTENT["template"]
    status, two = await shop.call("GET", f"{CAMPAIGNS}?limit=2")
    assert [campaign["campaignId"] for campaign in two["campaigns"]] == ["c2", "c1"]


async def test_a_campaign_of_another_organization_is_as_absent_as_none(
    shop: Caller, client: httpx.AsyncClient, as_: As
) -> None:
    """On every route, in every role: status, code and text are those of a campaign that does not exist."""
    await shop.draft()
    await shop.fill()
    before = await shop.look()
    wanted = [("GET", ""), ("GET", "/report"), ("PUT", "/recipients"), *(("POST", f"/{what}") for what in ACTS)]

    for role in ("owner", "service"):
        other = Caller(client, as_(role, "org_2"))
        for method, what in wanted:
            more = {"content": ROWS.encode(), "headers": CSV} if method == "PUT" else {}
            status, error = await other.call(method, f"{THIS}{what}", **more)
            of_nobody = await other.call(method, f"{CAMPAIGNS}/nothing{what}", **more)
            error["message"] = error["message"].replace("campaign_001", "nothing")
            assert (status, error | {"requestId": ""}) == (404, of_nobody[1] | {"requestId": ""}), (method, what)
            named = await other.call(method, f"{THIS}{what}?organizationId=org_123", **more)
            assert (named[0], named[1]["message"]) == (404, "there is no organization org_123; check its id")
        assert await other.call("GET", CAMPAIGNS) == (200, {"campaigns": [], "next": None})
        assert (await other.call("GET", f"{CAMPAIGNS}?organizationId=org_123"))[0] == 404
        assert (await other.draft())[0] == 403
    assert await shop.look() == before


async def test_a_token_for_all_names_the_organization(shop: Caller, client: httpx.AsyncClient, as_: As) -> None:
    await shop.draft()
    everyone = Caller(client, as_("viewer"))

    assert (await everyone.look(f"{THIS}?organizationId=org_123")) == await shop.look()
    assert (await everyone.look(f"{THIS}?organizationId=org_2"))[0] == 404
    assert (await everyone.look(f"{THIS}?organizationId=org_9"))[0] == 404
    assert (await everyone.look())[1]["field"] == "organizationId"


@pytest.mark.parametrize(
    ("campaign_id", "plain", "exact"),
    [
        ("natal 2026", "campaign-natal_2026.csv", "campaign-natal%202026.csv"),
        ('a"; filename=b', "campaign-a___filename_b.csv", "campaign-a%22%3B%20filename%3Db.csv"),
        ("promoção", "campaign-promo__o.csv", "campaign-promo%C3%A7%C3%A3o.csv"),
    ],
)
async def test_no_id_gets_out_of_the_name_of_the_file(shop: Caller, campaign_id: str, plain: str, exact: str) -> None:
    await shop.draft(campaignId=campaign_id)

    address = f"{CAMPAIGNS}/{quote(campaign_id, safe='')}/report"
    answer = await shop.client.get(address, headers=shop.headers)

    assert answer.status_code == 200, answer.text
    assert answer.headers["content-disposition"] == f"attachment; filename=\"{plain}\"; filename*=UTF-8''{exact}"


async def test_a_report_that_redis_breaks_off_cannot_be_taken_for_whole(
    own_redis: RedisServer, settings: Settings, as_: As, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given Redis hangs behind the first line, then the answer has no end, and the log says why."""
    log = CapturingLogger()
    monkeypatch.setattr(structlog, "get_logger", lambda: log)
    sent = list[MutableMapping[str, Any]]()

    async def receive() -> MutableMapping[str, Any]:
        await asyncio.Event().wait()  # the caller stays
        raise AssertionError

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)
        if message.get("body"):
            own_redis.pause()

    async with open_app(settings.model_copy(update={"redis_url": own_redis.url})) as app:
        await app.organizations.save(Organization(id="org_123", name="Pet Shop"))
        await app.campaigns.begin(parse_new(CampaignContent, CONTENT), "of the test")
        headers = [(name.lower().encode(), value.encode()) for name, value in as_("viewer", "org_123").items()]
        scope = {
            "type": "http", "http_version": "1.1", "method": "GET", "path": f"{THIS}/report", "root_path": "",
            "raw_path": b"", "query_string": b"", "headers": headers, "scheme": "http",
        }  # fmt: skip
        await create_api(app)(scope, receive, send)
        own_redis.resume()

    assert [message.get("status") for message in sent if message["type"] == "http.response.start"] == [200]
    assert sent[-1] == {
        "type": "http.response.body",
        "body": b"row,number,status,reason,providerId,at\r\n",
        "more_body": True,
    }
    assert [(call.args, call.kwargs["error"]) for call in log.calls] == [(("http.failed",), "QueueUnavailable")]
