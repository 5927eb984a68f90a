"""Letting people in and out by commands, and reading who did what."""

import asyncio
import getpass
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from oxyq.access.tokens import Principal
from oxyq.app import App
from oxyq.organizations import Organization
from tests.command_line import CommandLine

InApp = Callable[[Callable[[App], Coroutine[Any, Any, Any]]], Any]


@pytest.fixture(autouse=True)
def shop(in_app: InApp) -> None:
    """An organization."""
    in_app(lambda app: app.organizations.save(Organization(id="org_1", name="Pet Shop", instances=["wa_1"])))


# --- who may come in ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("org", [None, "org_1"])
def test_a_link_lets_its_person_in_once(oxyq: CommandLine, in_app: InApp, org: str | None) -> None:
    ended = oxyq("token", "link", "--role", "operator", "--sub", "ana", *([] if org is None else ["--org", org]))

    assert (ended.code, ended.err) == (0, "")
    address, _, secret = ended.out.strip().partition("#link=")
    assert address == "http://localhost:3001/admin/queues/login"
    assert in_app(lambda app: app.login_links.use(secret)) == Principal("ana", "operator", org)
    assert in_app(lambda app: app.login_links.use(secret)) is None


def test_a_link_is_for_the_board_as_its_users_see_it(oxyq: CommandLine) -> None:
    board = "https://shop.example/oxyq/admin/queues/"
    ended = oxyq("token", "link", "--role", "owner", "--sub", "ana", "--board", board, "--json")

    assert ended.json()["link"].startswith("https://shop.example/oxyq/admin/queues/login#link=")
    assert ended.json()["expiresSeconds"] == 900


def test_programs_get_no_link(oxyq: CommandLine) -> None:
    ended = oxyq("token", "link", "--role", "service", "--sub", "shop")

    assert ended.code == 1
    assert "for programs" in ended.err


def test_who_is_locked_out_has_no_session_any_more(oxyq: CommandLine, in_app: InApp) -> None:
    async def open_two(app: App) -> list[str]:
        return [await app.sessions.open(Principal(sub, "owner", issued_s=1), None, "") for sub in ("ana", "rui")]

    ana, rui = in_app(open_two)

    assert oxyq("token", "revoke", "--sub", "ana").code == 0

    assert in_app(lambda app: app.sessions.find(ana)) is None
    assert in_app(lambda app: app.sessions.find(rui)).principal.sub == "rui"


def test_a_token_is_revoked_by_its_id(oxyq: CommandLine, in_app: InApp) -> None:
    assert oxyq("token", "revoke", "--id", "t1").code == 0

    async def look(app: App) -> list[bool]:
        principals = (Principal("ana", "owner", token_id=token_id) for token_id in ("t1", "t2"))
        return list(await asyncio.gather(*map(app.revocations.is_revoked, principals)))

    assert in_app(look) == [True, False]


@pytest.mark.parametrize("arguments", [[], ["--sub", "ana", "--id", "t1"]])
def test_it_must_be_said_who_is_locked_out(oxyq: CommandLine, arguments: list[str]) -> None:
    ended = oxyq("token", "revoke", *arguments)

    assert ended.code == 2
    assert "either --sub or --id" in ended.err


# --- who did what -------------------------------------------------------------------------------------------------


def test_what_a_command_does_is_written_down(oxyq: CommandLine) -> None:
    oxyq("queues", "pause", "message", "automation")
    oxyq("contacts", "opt-out", "org_1", "5511999998888")
    oxyq("campaigns", "start", "no-such", "--org", "org_1")
    oxyq("token", "link", "--role", "owner", "--sub", "ana")
    oxyq("queues", "stats")

    told = [
        {name: entry[name] for name in ("action", "target", "organizationId", "outcome")}
        for entry in oxyq("audit", "list", "--json").json()
    ]
    assert told == [
        {"action": "access.link", "target": "ana", "organizationId": None, "outcome": "done"},
        {"action": "campaign.start", "target": "no-such", "organizationId": "org_1", "outcome": "not_found"},
        {"action": "contact.opt-out", "target": "55 11 •••••-8888", "organizationId": "org_1", "outcome": "done"},
        {"action": "queue.pause", "target": "message,automation", "organizationId": None, "outcome": "done"},
    ]
    (first, *_) = oxyq("audit", "list", "--json").json()
    assert (first["door"], first["role"], first["by"]) == ("cli", "system", getpass.getuser())
    assert first["address"]


def test_asking_first_and_trying_out_are_no_deeds(oxyq: CommandLine) -> None:
    oxyq("dlq", "purge", "--all", "--dry-run")
    oxyq("queues", "drain", "message")  # nobody can be asked here

    assert oxyq("audit", "list", "--json").json() == []


def test_the_audit_is_read_by_whose_who_and_what(oxyq: CommandLine) -> None:
    oxyq("queues", "pause", "message")
    oxyq("queues", "resume", "message")
    oxyq("contacts", "opt-out", "org_1", "5511999998888")

    def actions(*filters: str) -> list[str]:
        return [entry["action"] for entry in oxyq("audit", "list", "--json", *filters).json()]

    assert actions("--limit", "1") == ["contact.opt-out"]
    assert actions("--action", "queue") == ["queue.resume", "queue.pause"]
    assert actions("--org", "org_1") == ["contact.opt-out"]
    assert actions("--by", "nobody-of-this-name") == []
    table = oxyq("audit", "list", "--action", "queue.pause")
    assert table.out.splitlines()[0].split() == ["at", "(UTC)", "by", "door", "from", "action", "outcome", "to"]
    assert table.rows()[0][-3:] == ["queue.pause", "done", "message"]
