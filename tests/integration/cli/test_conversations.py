"""`oxyq conversations`: what was said, and who answers."""

import json
from collections.abc import Callable

from oxyq.app import App
from oxyq.clock import now_ms
from oxyq.gateways.news import PersonWrote
from tests.command_line import CommandLine

ANA = "5511999990001"
SHOP = {"id": "org_1", "name": "Pet Shop", "instances": ["wa_1"]}


def test_a_chat_is_shown_taken_over_and_given_back(oxyq: CommandLine, in_app: Callable[..., None]) -> None:
    oxyq("orgs", "set", "-", stdin=json.dumps(SHOP))

    async def write(app: App) -> None:
        await app.take_over.person_wrote("org_1", "wa_1", PersonWrote(ANA, "Oi Ana, é a Paula", "3A", now_ms()))

    in_app(write)

    listed = oxyq("conversations", "list", "org_1")
    shown = oxyq("conversations", "show", "org_1", ANA)
    back = oxyq("conversations", "release", "org_1", ANA)
    twice = oxyq("conversations", "release", "org_1", ANA)
    over = oxyq("conversations", "take-over", "org_1", ANA)
    seen = oxyq("conversations", "show", "org_1", ANA, "--json").json()

    assert ANA in listed.out and "a person has it until" in listed.out
    assert shown.out.splitlines()[1].endswith("✎ Oi Ana, é a Paula")
    assert back.out == f"{ANA}: we answer again\n"
    assert twice.out == f"{ANA}: nobody had taken it over\n"
    assert "we say nothing for 30 minutes" in over.out
    assert seen["silentUntil"] > now_ms()
    assert oxyq("conversations", "list", "org_1", "--waiting", "--json").json() == {"conversations": []}


def test_unknown_chats_and_organizations_are_refused(oxyq: CommandLine) -> None:
    oxyq("orgs", "set", "-", stdin=json.dumps(SHOP))

    chat = oxyq("conversations", "show", "org_1", ANA)
    number = oxyq("conversations", "show", "org_1", "nobody")
    organization = oxyq("conversations", "list", "org_2")

    assert chat.code == number.code == organization.code == 1
    assert "list them with: oxyq conversations list org_1" in chat.err
    assert "number" in number.err
    assert "there is no organization 'org_2'" in organization.err
