"""`oxyq orgs`: one validated model, changed by file."""

import asyncio
import json

import pytest
import redis.asyncio

from oxyq import redis_keys
from oxyq.answering import ConversationSettings
from oxyq.jobs import wire
from oxyq.organizations import DEFAULT_HAND_OFF
from tests.command_line import CommandLine

SHOP = {
    "id": "org_1", "name": "Pet Shop", "owners": ["+55 11 98888-0000"], "instances": ["wa_1"],
    "faq": [{"questions": ["que horas abre"], "answer": "Às 8h."}],
}  # fmt: skip


def test_what_was_set_is_shown(oxyq: CommandLine) -> None:
    created = oxyq("orgs", "set", "-", stdin=json.dumps(SHOP))
    shown = oxyq("orgs", "show", "org_1", "--json").json()

    assert created.code == 0
    assert created.out.splitlines()[0] == "org_1: created"
    assert shown == {
        **SHOP, "owners": ["5511988880000"], "timeZone": "America/Sao_Paulo", "handOff": DEFAULT_HAND_OFF,
        "numbers": {}, "weight": 1, "rules": [], "conversation": wire(ConversationSettings()),
    }  # fmt: skip
    assert "Às 8h." in oxyq("orgs", "show", "org_1").out


def test_setting_again_replaces_and_says_what_changed(oxyq: CommandLine) -> None:
    (oxyq.folder / "shop.json").write_text(json.dumps({"id": "org_1", "name": "Novo nome"}))
    oxyq("orgs", "set", "-", stdin=json.dumps(SHOP))
    ended = oxyq("orgs", "set", str(oxyq.folder / "shop.json"))
    again = oxyq("orgs", "set", str(oxyq.folder / "shop.json"), "--json")

    lines = ended.out.splitlines()
    assert lines[0] == "org_1: changed"
    assert '  name: "Pet Shop" → "Novo nome"' in lines
    assert '  owners: ["5511988880000"] → []' in lines
    assert again.json() == {"id": "org_1", "created": False, "changed": {}}


def test_all_are_listed(oxyq: CommandLine) -> None:
    for number in (2, 1):
        oxyq("orgs", "set", "-", stdin=json.dumps({**SHOP, "id": f"org_{number}"}))
    ended = oxyq("orgs", "list")

    assert [row[:5] for row in ended.rows()] == [
        ["org_1", "1", "1", "1", "America/Sao_Paulo"],
        ["org_2", "1", "1", "1", "America/Sao_Paulo"],
    ]
    assert [one["id"] for one in oxyq("orgs", "list", "--json").json()["organizations"]] == ["org_1", "org_2"]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"name": "Pet Shop"}, "id: is missing"),
        ({**SHOP, "timezone": "America/Recife"}, "timezone: is not a known field; did you mean timeZone?"),
        ({**SHOP, "timeZone": "America/Sao_Paolo"}, "timeZone: is no time zone; did you mean America/Sao_Paulo?"),
        ({**SHOP, "owners": ["123"]}, "owners[0]: must have 8 to 15 digits"),
        ([SHOP], "payload: must be an object"),
    ],
    ids=["no id", "unknown field", "time zone", "owner", "array"],
)
def test_a_wrong_organization_is_refused_with_its_field(oxyq: CommandLine, given: object, told: str) -> None:
    ended = oxyq("orgs", "set", "-", stdin=json.dumps(given))

    assert ended.code == 1
    assert told in ended.err
    assert oxyq("orgs", "list", "--json").json() == {"organizations": []}


def test_an_unknown_organization_is_exit_1(oxyq: CommandLine) -> None:
    ended = oxyq("orgs", "show", "org_nobody")

    assert ended.code == 1
    assert ended.err == "Error: there is no organization 'org_nobody'; list them with: oxyq orgs list\n"


def test_a_broken_one_is_mended_by_setting_it_again(oxyq: CommandLine, redis_url: str, prefix: str) -> None:
    async def break_it() -> None:
        async with redis.asyncio.Redis.from_url(redis_url) as client:
            await client.set(redis_keys.organization("org_1", prefix=prefix), "no JSON")

    asyncio.run(break_it())

    assert oxyq("orgs", "show", "org_1").code == 1
    assert oxyq("orgs", "set", "-", stdin=json.dumps(SHOP)).out.startswith("org_1: created")
    assert oxyq("orgs", "show", "org_1").code == 0
