"""`oxyq instances`: numbers set up by file, secrets never shown, and a phone linked before the terminal."""

import io
import json
from collections.abc import Callable
from typing import Any

import pytest
import segno

from oxyq.app import App
from oxyq.cli import instances
from oxyq.gateways.base import GatewayError, InstanceState, NotReady
from oxyq.receiving import pairing
from tests.command_line import CommandLine
from tests.terminal import Terminal

CLOUD = {"id": "wa_1", "organizationId": "org_1", "gateway": "cloud", "phoneNumberId": "1122"}
QR = {"id": "wa_2", "organizationId": "org_1", "gateway": "baileys"}
TOKEN = "EAAG-a-token-that-nobody-may-see"


@pytest.fixture(autouse=True)
def shop(oxyq: CommandLine) -> None:
    """An organization."""
    assert oxyq("orgs", "set", "-", stdin=json.dumps({"id": "org_1", "name": "Pet Shop"})).code == 0


def set_up(oxyq: CommandLine, fields: dict[str, Any]) -> None:
    """A number that is there."""
    assert oxyq("instances", "set", "-", stdin=json.dumps(fields)).code == 0


# --- setting up ---------------------------------------------------------------------------------------------


def test_what_was_set_is_shown_and_is_the_organization_s(oxyq: CommandLine) -> None:
    (oxyq.folder / "number.json").write_text(json.dumps(CLOUD))
    first = oxyq("instances", "set", str(oxyq.folder / "number.json"))
    again = oxyq("instances", "set", "-", "--json", stdin=oxyq("instances", "show", "wa_1", "--json").out)

    assert first.out.splitlines() == [
        "wa_1: set",
        "  it needs a secret: oxyq instances secret wa_1 access_token",
        "  it needs a secret: oxyq instances secret wa_1 app_secret",
        "  it needs a secret: oxyq instances secret wa_1 verify_token",
    ]
    assert again.json() == {
        "id": "wa_1", "changed": False, "secretsMissing": ["access_token", "app_secret", "verify_token"],
    }  # fmt: skip
    assert oxyq("instances", "show", "wa_1", "--json").json() == {**CLOUD, "hearsGroups": False}
    assert oxyq("orgs", "show", "org_1", "--json").json()["instances"] == ["wa_1"]


def test_all_are_listed_with_what_was_heard_of_them(oxyq: CommandLine, in_app: Callable[..., None]) -> None:
    set_up(oxyq, QR)
    set_up(oxyq, CLOUD)

    async def hear(app: App) -> None:
        await app.instances.note_state("wa_2", "closed", "428")

    in_app(hear)

    assert oxyq("instances", "list").rows() == [
        ["wa_1", "org_1", "cloud", "–"],
        ["wa_2", "org_1", "baileys", "closed", "428"],
    ]
    [one, two] = oxyq("instances", "list", "--json").json()["instances"]
    assert (one["id"], one["lastHeard"]) == ("wa_1", None)
    assert (two["lastHeard"]["state"], two["lastHeard"]["detail"]) == ("closed", "428")
    shown = oxyq("instances", "show", "wa_2").out
    assert "last heard:     closed (428) at 20" in shown
    assert "now:" in shown


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({**CLOUD, "phoneNumberId": None}, "phoneNumberId: is missing; Meta shows it under WhatsApp, API Setup"),
        ({**CLOUD, "organizationId": "org_9"}, "there is no organization org_9"),
        ({**CLOUD, "gateway": "telegram"}, "gateway: "),
        ([CLOUD], "payload: must be an object"),
    ],
    ids=["no number", "no organization", "gateway", "array"],
)
def test_a_wrong_number_is_refused(oxyq: CommandLine, given: object, told: str) -> None:
    ended = oxyq("instances", "set", "-", stdin=json.dumps(given))

    assert ended.code == 1
    assert told in ended.err
    assert oxyq("instances", "list", "--json").json() == {"instances": []}


@pytest.mark.parametrize(
    "command",
    [
        ("show", "wa_9"),
        ("remove", "wa_9", "--yes"),
        ("secret", "wa_9", "app_secret"),
        ("pair", "wa_9"),
        ("logout", "wa_9", "--yes"),
    ],
    ids=lambda command: command[0],
)
def test_an_unknown_number_is_exit_1(oxyq: CommandLine, command: tuple[str, ...]) -> None:
    ended = oxyq("instances", *command, stdin=TOKEN)

    assert (ended.code, ended.err) == (1, "Error: there is no instance 'wa_9'; list them with: oxyq instances list\n")


# --- secrets ------------------------------------------------------------------------------------------------


def test_a_secret_is_stored_and_never_shown(oxyq: CommandLine, in_app: Callable[..., dict[str, str]]) -> None:
    set_up(oxyq, CLOUD)

    stored = oxyq("instances", "secret", "wa_1", "access_token", stdin=f"{TOKEN}\n")
    shown = oxyq("instances", "show", "wa_1")

    assert (stored.code, stored.out) == (0, "wa_1: access_token is stored\n")
    assert "access_token:   stored\napp_secret:     missing\n" in shown.out
    assert "webhook:        /webhooks/cloud/wa_1" in shown.out
    for ended in (stored, shown, oxyq("instances", "show", "wa_1", "--json"), oxyq("instances", "list", "--json")):
        assert TOKEN not in ended.out + ended.err

    async def secrets(app: App) -> dict[str, str]:
        instance = await app.instances.get("wa_1")
        assert instance is not None
        return await app.instances.secrets(instance)

    assert in_app(secrets) == {"access_token": TOKEN}


def test_a_secret_typed_at_the_prompt_is_not_seen(oxyq: CommandLine, terminal: Terminal) -> None:
    set_up(oxyq, CLOUD)
    there = terminal.theirs
    with oxyq.start(
        "instances", "secret", "wa_1", "access_token", stdin=there, stdout=there, stderr=there, TERM="xterm"
    ) as process:
        terminal.until("access_token: ")
        terminal.type(f"{TOKEN}\n")
        terminal.until("access_token is stored")
        assert process.wait(10) == 0

    assert TOKEN not in terminal.seen


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("api_key", TOKEN, "is no secret of the gateway cloud; it has: access_token, app_secret, verify_token"),
        ("app_secret", "", "app_secret: must be 1 to 4096 printable characters"),
    ],
    ids=["another gateway's", "empty"],
)
def test_a_wrong_secret_is_refused(oxyq: CommandLine, name: str, value: str, told: str) -> None:
    set_up(oxyq, CLOUD)

    ended = oxyq("instances", "secret", "wa_1", name, stdin=value)

    assert ended.code == 1
    assert told in ended.err
    assert TOKEN not in ended.err


# --- removing -----------------------------------------------------------------------------------------------


def test_nothing_is_removed_unasked(oxyq: CommandLine) -> None:
    set_up(oxyq, CLOUD)

    for command in ("remove", "logout"):
        refused = oxyq("instances", command, "wa_1")
        assert refused.code == 2
        assert "add --yes if you mean it" in refused.err
    removed = oxyq("instances", "remove", "wa_1", "--yes")

    assert (removed.code, removed.out) == (0, "wa_1: removed\n")
    assert oxyq("instances", "list", "--json").json() == {"instances": []}
    assert oxyq("orgs", "show", "org_1", "--json").json()["instances"] == []


# --- linking to a phone -------------------------------------------------------------------------------------


class Phone:
    """A bridge that says one thing after the other, and the last for ever."""

    def __init__(self, *said: InstanceState | GatewayError) -> None:
        self._said = list(said)
        self.asked = list[tuple[str, str | None]]()

    async def pair(self, instance_id: str, phone: str | None = None) -> InstanceState:
        """The next."""
        self.asked.append(("pair", phone))
        return self._next()

    async def state(self, instance_id: str) -> InstanceState:
        """The next."""
        self.asked.append(("state", None))
        return self._next()

    async def logout(self, instance_id: str) -> None:
        """Only remembered."""
        self.asked.append(("logout", None))

    def _next(self) -> InstanceState:
        said = self._said.pop(0) if len(self._said) > 1 else self._said[0]
        if isinstance(said, GatewayError):
            raise said
        return said


@pytest.fixture
def bridge(oxyq: CommandLine, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Phone]:
    """A function that puts a bridge there which says these things; nobody waits between them."""
    set_up(oxyq, QR)
    monkeypatch.setattr(instances, "LOOK_SECONDS", 0)

    def put_there(*said: InstanceState | GatewayError) -> Phone:
        phone = Phone(*said)

        async def pairing_of(*_: object) -> Phone:
            return phone

        monkeypatch.setattr(pairing, "pairing_of", pairing_of)
        return phone

    return put_there


def drawn(text: str) -> str:
    """A QR code as it looks on a terminal."""
    out = io.StringIO()
    segno.make(text, error="l").terminal(out, compact=True)
    return out.getvalue()


def waits(**more: str) -> InstanceState:
    """A number that waits for its phone."""
    return InstanceState("needs_pairing", **more)


OPEN = InstanceState("open", number="5511999990001")


def test_the_qr_code_is_drawn_and_again_when_it_changes(oxyq: CommandLine, bridge: Callable[..., Phone]) -> None:
    bridge(waits(qr="2@first"), waits(qr="2@first"), waits(qr="2@second"), InstanceState("connecting"), OPEN)

    ended = oxyq("instances", "pair", "wa_2")

    assert ended.code == 0
    assert ended.out == (
        f"{drawn('2@first')}wa_2: needs_pairing\n{drawn('2@second')}wa_2: needs_pairing\n"
        "wa_2: connecting\nwa_2: open as 5511999990001\n"
    )


def test_programs_read_a_line_for_each_change(oxyq: CommandLine, bridge: Callable[..., Phone]) -> None:
    bridge(waits(qr="2@first"), waits(qr="2@first"), OPEN)

    lines = [json.loads(line) for line in oxyq("instances", "pair", "wa_2", "--json").out.splitlines()]

    assert [(line["state"], line["qr"]) for line in lines] == [("needs_pairing", "2@first"), ("open", None)]
    assert lines[1] == {
        "id": "wa_2", "state": "open", "detail": "", "number": "5511999990001", "qr": None, "code": None,
    }  # fmt: skip


def test_a_code_is_for_the_phone_that_was_named(oxyq: CommandLine, bridge: Callable[..., Phone]) -> None:
    phone = bridge(waits(code="ABCD-EFGH"), OPEN)

    ended = oxyq("instances", "pair", "wa_2", "--phone", "+55 11 99999-0001")

    assert ended.out.splitlines()[0] == "Type this code on the phone: ABCD-EFGH"
    assert phone.asked[0] == ("pair", "5511999990001")


def test_codes_that_nobody_used_are_followed_by_new_ones(oxyq: CommandLine, bridge: Callable[..., Phone]) -> None:
    phone = bridge(waits(qr="2@first"), InstanceState("closed", "408"), waits(qr="2@second"), OPEN)

    assert oxyq("instances", "pair", "wa_2").code == 0
    assert [what for what, _ in phone.asked] == ["pair", "state", "pair", "state"]


def test_a_bridge_that_has_not_found_the_number_yet_is_waited_for(
    oxyq: CommandLine, bridge: Callable[..., Phone]
) -> None:
    bridge(NotReady("no bridge has it"), NotReady("no bridge has it"), waits(qr="2@first"), OPEN)

    assert oxyq("instances", "pair", "wa_2").code == 0


def test_a_bridge_that_starts_anew_meanwhile_is_waited_for(oxyq: CommandLine, bridge: Callable[..., Phone]) -> None:
    bridge(waits(qr="2@first"), NotReady("no bridge has it"), OPEN)

    assert "wa_2: unknown (no bridge has it)\nwa_2: open" in oxyq("instances", "pair", "wa_2").out


def test_without_a_bridge_the_cure_is_told(
    oxyq: CommandLine, bridge: Callable[..., Phone], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(instances, "BRIDGE_SECONDS", 0)
    bridge(NotReady("nobody holds its lease"))

    ended = oxyq("instances", "pair", "wa_2")

    assert (ended.code, ended.out) == (1, "")
    assert "no bridge has wa_2; start one, with the same REDIS_URL and OXYQ_BRIDGE_KEY" in ended.err


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (InstanceState("halted", "403"), "wa_2 is halted (403); WhatsApp refuses this number"),
        (waits(qr="2@first"), "nobody linked wa_2 within 0.001 minutes; run it again"),
    ],
    ids=["halted", "nobody came"],
)
def test_it_ends_also_without_a_phone(
    oxyq: CommandLine, bridge: Callable[..., Phone], monkeypatch: pytest.MonkeyPatch, said: InstanceState, told: str
) -> None:
    monkeypatch.setattr(instances, "PAIR_SECONDS", 0.06)
    bridge(said)

    ended = oxyq("instances", "pair", "wa_2")

    assert ended.code == 1
    assert told in ended.err


def test_only_numbers_of_baileys_are_paired(oxyq: CommandLine) -> None:
    set_up(oxyq, CLOUD)

    for command in (("pair", "wa_1"), ("logout", "wa_1", "--yes")):
        ended = oxyq("instances", *command)
        assert ended.code == 1
        assert "only numbers of baileys are paired" in ended.err


def test_a_wrong_phone_is_refused_before_anything_is_asked(oxyq: CommandLine, bridge: Callable[..., Phone]) -> None:
    phone = bridge(OPEN)

    ended = oxyq("instances", "pair", "wa_2", "--phone", "123")

    assert ended.code == 1
    assert "number: must have 8 to 15 digits" in ended.err
    assert phone.asked == []


def test_a_number_is_unlinked(oxyq: CommandLine, bridge: Callable[..., Phone]) -> None:
    phone = bridge(OPEN)

    ended = oxyq("instances", "logout", "wa_2", "--yes")

    assert (ended.code, ended.out) == (0, "wa_2: unlinked\n")
    assert phone.asked == [("logout", None)]
