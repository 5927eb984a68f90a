"""`oxyq campaigns`: from a file to a report, without anybody getting it twice."""

import csv
import io
import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from oxyq.app import App
from oxyq.gateways.simulator import read_log
from oxyq.jobs import wire
from tests.command_line import CommandLine, Ended
from tests.integration.cli.test_terminal import run
from tests.integration.engine.journal import eventually
from tests.terminal import Terminal

InApp = Callable[..., Any]

SHOP = {
    "id": "org_1", "name": "Pet Shop", "instances": ["wa_1"], "timeZone": "America/Recife",
    "numbers": {"wa_1": {"rate": {"max": 600, "perSeconds": 60}}},
}  # fmt: skip
#: As a spreadsheet saves it in Brazil: a mark in front, semicolons, CRLF.
CLIENTS = (
    "\ufeffTelefone;nome;animal\r\n"
    "(11) 97000-0001;Ana;Rex\r\n"
    '11970000002;"Bia ""B"" Souza";\r\n'
    "+55 11 97000-0001;Ana;Rex\r\n"
    "123;Caio;Mia\r\n"
    "5511970000003;Davi;Bob\r\n"
)
TEMPLATE = "Oi {{nome}}! {{animal|Seu amigo}} tem banho com desconto."
SALE = ("--org", "org_1", "--id", "sale_1", "--template", TEMPLATE)
IT = ("sale_1", "--org", "org_1")


@pytest.fixture
def shop(oxyq: CommandLine) -> CommandLine:
    """A shop with a list of clients, and nobody who works yet."""
    oxyq.settings["OXYQ_DATA_DIR"] = str(oxyq.folder)
    assert oxyq("orgs", "set", "-", stdin=json.dumps(SHOP)).code == 0
    (oxyq.folder / "clients.csv").write_text(CLIENTS, encoding="utf-8", newline="")
    return oxyq


@pytest.fixture
def work(in_app: InApp) -> Callable[[], None]:
    """Lets workers send until the campaign has ended."""

    async def sent(app: App) -> None:
        workers = app.workers(["campaign"])
        await workers.start()
        await eventually(lambda: state(app), "completed")
        await workers.stop(5)

    return lambda: in_app(sent)


async def state(app: App, campaign_id: str = "sale_1") -> str:
    campaign = await app.campaigns.get("org_1", campaign_id)
    return "" if campaign is None else campaign.state


def create(shop: CommandLine, *more: str, file: str = "clients.csv") -> Ended:
    return shop("campaigns", "create", str(shop.folder / file), *SALE, *more)


def show(shop: CommandLine) -> Any:
    return shop("campaigns", "show", *IT, "--json").json()


@contextmanager
def started(shop: CommandLine, *arguments: str, **streams: Any) -> Iterator["subprocess.Popen[bytes]"]:
    """A command in a process of its own, which does not outlive the test."""
    with shop.start("campaigns", *arguments, **streams) as process:
        try:
            yield process
        finally:
            process.kill()


def received(shop: CommandLine) -> list[tuple[str, str]]:
    """What the simulated WhatsApp got."""
    return sorted((one.to, one.text) for one in read_log(shop.folder / "simulator.jsonl"))


# --- the whole way ----------------------------------------------------------------------------------------------


def test_a_list_of_clients_becomes_messages_and_a_report(shop: CommandLine, work: Callable[[], None]) -> None:
    # Given a look at it beforehand, which leaves nothing behind
    seen = shop("campaigns", "preview", str(shop.folder / "clients.csv"), *SALE, "--show", "1")
    assert seen.code == 0
    assert "3 of 5 recipients would get it; left out: 1 duplicate, 1 invalid" in seen.out
    assert "5511970000001\n  Oi Ana! Rex tem banho com desconto.\n\n" in seen.out
    assert "  123  invalid: must have 8 to 15 digits" in seen.out
    assert "It would begin now." in seen.out
    assert "Times are in America/Recife." in seen.out
    assert shop("campaigns", "list", "--org", "org_1", "--json").json() == {"campaigns": []}

    # When it is created, paused and resumed before anybody has sent anything, and then worked on
    assert "state:        planning" in create(shop).out
    assert show(shop)["recipients"] == 5
    assert shop("campaigns", "pause", *IT).out == "sale_1 is paused: 0 of 5 sent, 5 waiting\n"
    assert shop("campaigns", "pause", *IT).code == 0
    assert shop("campaigns", "resume", *IT).out == "sale_1 is planning: 0 of 5 sent, 5 waiting\n"
    work()

    # Then everybody got it once, and the report says what became of each row
    assert received(shop) == [
        ("5511970000001", "Oi Ana! Rex tem banho com desconto."),
        ("5511970000002", 'Oi Bia "B" Souza! Seu amigo tem banho com desconto.'),
        ("5511970000003", "Oi Davi! Bob tem banho com desconto."),
    ]
    facts = shop("campaigns", "show", *IT).out
    assert "sent:         3 (0 delivered, 0 read)" in facts
    assert "skipped:      2 (1 invalid, 1 duplicate)" in facts or "skipped:      2 (1 duplicate, 1 invalid)" in facts
    rows = {row["row"]: row for row in csv.DictReader(io.StringIO(shop("campaigns", "report", *IT).out))}
    assert {number: row["status"] for number, row in sorted(rows.items())} == {
        "1": "sent", "2": "sent", "3": "skipped", "4": "skipped", "5": "sent",
    }  # fmt: skip
    assert rows["4"]["number"] == "123"
    as_ndjson = shop("campaigns", "report", *IT, "--format", "ndjson").out.splitlines()
    assert sorted(json.loads(line)["row"] for line in as_ndjson) == [1, 2, 3, 4, 5]
    listed = shop("campaigns", "list", "--org", "org_1").rows()
    assert [row[:6] for row in listed] == [["sale_1", "completed", "5", "3", "0", "0"]]


# --- creating ---------------------------------------------------------------------------------------------------


def test_the_same_again_is_the_same_campaign_and_another_is_refused(
    shop: CommandLine, work: Callable[[], None]
) -> None:
    first = create(shop, "--json").json()
    work()
    again = create(shop)
    other = create(shop, "--var", "animal=Pet")

    assert (first["created"], first["state"]) == (True, "planning")
    assert again.code == 0
    assert again.out.startswith("sale_1 was created before, just like this; nobody gets it twice\n")
    assert "state:        completed" in again.out
    assert other.code == 1
    assert "campaign sale_1 was created before" in other.err
    assert "take another id, or see what it is: oxyq campaigns show sale_1 --org org_1" in other.err
    assert len(received(shop)) == 3


def test_a_time_from_now_means_what_it_meant_when_it_was_created(shop: CommandLine) -> None:
    first = create(shop, "--start-at", "+2h", "--json").json()
    again = create(shop, "--start-at", "+2h", "--json").json()

    assert (first["state"], again["state"]) == ("scheduled", "scheduled")
    assert 7_195_000 < first["startAt"] - first["createdAt"] < 7_205_000
    assert (again["created"], again["startAt"]) == (False, first["startAt"])


def test_a_draft_waits_until_it_is_started(shop: CommandLine, in_app: InApp) -> None:
    assert "state:        draft" in create(shop, "--draft").out

    async def queued(app: App) -> int:
        counts = await app.queues["campaign"].counts()
        return counts["waiting"] + counts["delayed"]

    assert in_app(queued) == 0
    assert shop("campaigns", "start", *IT).out == "sale_1 is planning: 0 of 5 sent, 5 waiting\n"
    assert in_app(queued) == 1


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ("telefone;nome\n11970000001;Ana\n11970000002;\n", "line 3: template: {{nome}} has no value for recipient"),
        ("telefone;nome\n11970000001;Ana;x\n", "line 2, column 3: has a cell more"),
        ('telefone;nome\n11970000001;"Ana\n', "line 2: opens a quote that is never closed"),
        ("telefone;nome\n11970000001;" + "x" * 4090 + "\n", "line 2: template: as rendered for recipient"),
        ("nome\nAna\n", "line 1: names no column of numbers; call one number"),
        ("telefone;nome\n", "recipients: are none"),
        ("telefone;nome\n123;Ana\n", "recipients[0]: must have 8 to 15 digits"),
        ("", "are an empty file"),
    ],
    ids=["variable", "cell", "quote", "too long", "header", "no rows", "no good number", "empty"],
)
def test_a_mistake_in_the_file_is_told_with_its_place_and_nothing_is_sent(
    shop: CommandLine, in_app: InApp, rows: str, told: str
) -> None:
    (shop.folder / "wrong.csv").write_text(rows)

    ended = create(shop, file="wrong.csv")

    assert ended.code == 1
    assert told in ended.err
    assert ended.err.startswith("Error: recipients" if told.startswith("recipients") else f"Error: {shop.folder}/wrong")
    assert "Traceback" not in ended.err
    assert shop("campaigns", "start", *IT).code == 1
    assert in_app(lambda app: app.queues["campaign"].counts())["waiting"] == 0

    # And the file mended, under the same id, it is a new campaign
    assert create(shop, "--json").json()["created"]


def test_a_request_in_json_says_all_itself(shop: CommandLine) -> None:
    request = {
        "campaignId": "sale_1", "organizationId": "org_1", "template": "Oi {{nome}}!", "variables": {"nome": "Cliente"},
        "recipients": ["5511970000001", {"number": "11970000002", "variables": {"nome": "Bia"}}],
    }  # fmt: skip
    (shop.folder / "sale.json").write_text(json.dumps(request))

    seen = shop("campaigns", "preview", str(shop.folder / "sale.json"), "--json").json()
    made = shop("campaigns", "create", "-", "--format", "json", stdin=json.dumps(request))
    wrong = shop("campaigns", "create", "-", "--format", "json", stdin=json.dumps({**request, "template": ""}))

    assert [one["text"] for one in seen["texts"]] == ["Oi Cliente!", "Oi Bia!"]
    assert made.code == 0
    assert show(shop)["recipients"] == 2
    assert (wrong.code, wrong.err) == (1, "Error: template: must not be blank; write a text\n")


def test_a_template_that_meta_approved(shop: CommandLine, in_app: InApp) -> None:
    template = {"name": "promo_banho", "language": "pt_BR", "parameters": ["{{nome}}", "{{animal|seu amigo}}"]}
    file = shop.folder / "promo.json"
    file.write_text(json.dumps(template))

    # When it is looked at, what fills it is shown under each text
    seen = shop("campaigns", "preview", str(shop.folder / "clients.csv"), *SALE, "--meta-template", str(file))
    assert "5511970000001\n  Oi Ana! Rex tem banho com desconto.\n  {{1}} = Ana\n  {{2}} = Rex\n" in seen.out
    assert "  {{2}} = seu amigo\n" in seen.out

    # And made, the campaign has it
    assert create(shop, "--meta-template", str(file)).code == 0
    made = in_app(lambda app: app.campaigns.get("org_1", "sale_1"))
    assert wire(made.meta_template) == template
    assert "created before, just like this" in create(shop, "--meta-template", str(file)).out
    assert "with other recipients, text or settings" in create(shop).err


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ('{"name": "Promo", "language": "pt_BR"}', "--meta-template name: is no name of a template"),
        ('{"name": "promo", "language": "pt_BR", "parameters": [""]}', "--meta-template parameters[0]: is blank"),
        ('{"name": "promo", "language": "pt_BR", "parameters": ["{{x"]}', "--meta-template parameters[0]: '{{x'"),
        ('"promo"', "--meta-template: must be an object"),
        ("{", "promo.json: "),
        (None, "promo.json"),
        ("-", "standard input has the recipients; give --meta-template a file"),
        ('{"name": "promo", "language": "pt_BR", "parameters": ["{{rua}}"]}', "line 2: metaTemplate.parameters[0]: "),
    ],
    ids=["name", "blank", "braces", "no object", "no JSON", "no file", "pipe", "row"],
)
def test_a_template_with_a_mistake(shop: CommandLine, written: str | None, told: str) -> None:
    file = shop.folder / "promo.json"
    if written is not None:
        file.write_text(written)
    recipients = ("-", "--format", "csv") if written == "-" else (str(shop.folder / "clients.csv"),)

    ended = shop(
        "campaigns", "create", *recipients, *SALE, "--meta-template", "-" if written == "-" else str(file), stdin="x"
    )

    assert ended.code != 0
    assert told in ended.err
    assert "Traceback" not in ended.err


def test_recipients_may_come_through_a_pipe_and_the_text_from_a_file(shop: CommandLine) -> None:
    (shop.folder / "text.txt").write_bytes(b"\xef\xbb\xbfOi {{nome}}!\n")
    rows = "\n".join(
        json.dumps({"number": f"5511{970000000 + n}", "variables": {"nome": f"N{n}"}}) for n in range(3000)
    )
    options = ("--org", "org_1", "--id", "sale_1", "--template-file", "text.txt")

    seen = shop.process("campaigns", "preview", "-", "--format", "ndjson", *options, "--json", stdin=rows)
    made = shop.process("campaigns", "create", "-", "--format", "ndjson", *options, stdin=rows)

    assert [one["text"] for one in json.loads(seen.out)["texts"]] == [f"Oi N{n}!" for n in range(5)]
    assert (made.code, made.err) == (0, "")
    assert "recipients:   3,000" in made.out


def test_ctrl_c_is_heard_while_a_pipe_is_silent(shop: CommandLine, in_app: InApp) -> None:
    """What was taken in until then is a draft without an end, which cannot be started."""
    theirs, ours = os.pipe()
    with started(shop, "create", "-", "--format", "csv", *SALE, stdin=theirs) as process:
        in_app(lambda app: eventually(lambda: state(app), "draft"))
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    os.close(theirs)
    os.close(ours)

    assert (process.returncode, err) == (130, b"")
    assert "has no recipients yet; hand them in first" in shop("campaigns", "start", *IT).err


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("--org", "org_nobody", "--id", "a", "--template", "Oi"), 1, "there is no organization 'org_nobody'"),
        ((*SALE, "--start-at", "2020-01-01T09:00"), 1, "startAt: is in the past; leave it out to begin now"),
        ((*SALE, "--start-at", "2999-01-01T09:00"), 1, "startAt: is more than 366 days ahead"),
        (("--org", "org_1", "--id", "a", "--template-file", "none.txt"), 1, "none.txt: No such file"),
    ],
    ids=["organization", "past", "far ahead", "template file"],
)
@pytest.mark.parametrize("command", ["create", "preview"])
def test_what_cannot_be_is_refused_before_anything_is_made(
    shop: CommandLine, command: str, arguments: tuple[str, ...], code: int, told: str
) -> None:
    ended = shop("campaigns", command, str(shop.folder / "clients.csv"), *arguments)

    assert (ended.code, ended.out) == (code, "")
    assert told in ended.err
    assert shop("campaigns", "list", "--org", "org_1", "--json").json() == {"campaigns": []}


def test_without_redis_the_command_says_so(shop: CommandLine) -> None:
    shop.settings["REDIS_URL"] = "redis://127.0.0.1:1"

    ended = create(shop)

    assert ended.code == 1
    assert len(ended.err.splitlines()) == 1
    assert "Redis" in ended.err


# --- steering ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["show", "start", "pause", "resume", "cancel", "resend-failed", "report"])
def test_an_unknown_campaign_is_exit_1(shop: CommandLine, command: str) -> None:
    ended = shop("campaigns", command, *IT, *(["--yes"] if command in ("cancel", "resend-failed") else []))

    assert (ended.code, ended.out) == (1, "")
    assert ended.err == "Error: there is no campaign sale_1; they are kept for 30 days\n"


def test_what_may_not_be_done_now_says_what_may(shop: CommandLine) -> None:
    create(shop, "--draft")

    assert "only a campaign that is planned or running can be paused" in shop("campaigns", "pause", *IT).err
    assert "only a paused campaign can be resumed" in shop("campaigns", "resume", *IT).err
    assert "only a completed campaign can be sent again" in shop("campaigns", "resend-failed", *IT, "--yes").err
    assert shop("campaigns", "cancel", *IT, "--yes", "--json").json()["cancelled"] == 5


def test_whom_it_failed_for_may_get_it_once_more(shop: CommandLine, work: Callable[[], None]) -> None:
    """Nobody else does: neither who got it, nor who may have got it."""
    # Given one who got it, one who is not on WhatsApp, and one whose reply was lost (the simulator's endings)
    (shop.folder / "clients.csv").write_text("number,nome\n5511970000001,A\n5511970009902,B\n5511970009903,C\n")
    create(shop)
    work()
    before = show(shop)

    again = shop("campaigns", "resend-failed", *IT, "--yes")
    work()

    assert (before["sent"], before["failed"], before["unconfirmed"]) == (1, 1, 1)
    assert again.out == "sale_1 is planning: 1 of 3 sent, 1 failed, 1 unconfirmed\n"
    assert [number for number, _ in received(shop)] == ["5511970000001", "5511970009903"]


@pytest.mark.parametrize(("answer", "code", "then"), [("y\n", 0, "cancelled"), ("n\n", 1, "planning")])
def test_cancelling_asks_with_the_numbers(
    shop: CommandLine, terminal: Terminal, answer: str, code: int, then: str
) -> None:
    create(shop)

    ended = run(shop, terminal, "campaigns", "cancel", *IT, answer=answer)

    assert "Cancel sale_1 for good? 5 recipients never get it. [y/N]" in terminal.seen
    assert (ended, show(shop)["state"]) == (code, then)


# --- watching and reporting -------------------------------------------------------------------------------------


def test_watching_prints_a_line_when_something_happened_until_the_end(shop: CommandLine) -> None:
    create(shop)
    with started(shop, "show", *IT, "--watch") as process:
        assert process.stdout is not None
        lines = [process.stdout.readline()]
        shop("campaigns", "pause", *IT)
        lines.append(process.stdout.readline())
        shop("campaigns", "cancel", *IT, "--yes")
        lines += process.stdout.read().splitlines(keepends=True)
        assert process.wait(30) == 0

    assert [line.decode()[20:] for line in lines] == [
        "sale_1 is planning: 0 of 5 sent, 5 waiting\n",
        "sale_1 is paused: 0 of 5 sent, 5 waiting\n",
        "sale_1 is cancelled: 0 of 5 sent, 5 cancelled\n",
    ]


def test_watching_on_a_terminal_stays_in_its_place(shop: CommandLine, terminal: Terminal) -> None:
    create(shop)
    there = terminal.theirs
    streams = {"stdin": there, "stdout": there, "stderr": there, "TERM": "xterm"}
    with started(shop, "show", *IT, "--watch", **streams) as process:
        terminal.until("planning")
        shop("campaigns", "cancel", *IT, "--yes")
        terminal.until("cancelled:    5")
        assert process.wait(30) == 0

    assert "\x1b[1A" in terminal.seen  # a line up


def test_a_report_is_there_only_when_it_is_complete(shop: CommandLine) -> None:
    """Whatever goes wrong, the report of yesterday stays, and nothing half-done lies beside it."""
    create(shop)
    file = shop.folder / "report.csv"
    file.write_text("yesterday")
    (shop.folder / "link.csv").symlink_to(file)
    before = sorted(shop.folder.iterdir())

    assert shop("campaigns", "report", "nothing", "--org", "org_1", "--output", str(file)).code == 1
    assert file.read_text() == "yesterday"

    ended = shop("campaigns", "report", *IT, "--output", str(shop.folder / "link.csv"))
    assert ended.out == f"the report of sale_1 is in {shop.folder / 'link.csv'}\n"
    assert file.read_text() == "row,number,status,reason,providerId,at\n"
    assert sorted(shop.folder.iterdir()) == before


def test_a_reader_who_has_seen_enough_is_no_fault(shop: CommandLine) -> None:
    create(shop)
    theirs, ours = os.pipe()
    os.close(theirs)
    with started(shop, "report", *IT, stdout=ours) as process:
        os.close(ours)
        _, err = process.communicate(timeout=30)

    assert (process.returncode, err) == (1, b"")


# --- the settings campaigns go by -------------------------------------------------------------------------------


def test_the_limits_of_a_shop_are_set_and_shown(shop: CommandLine) -> None:
    limits = {
        "sendingHours": {"days": {"mon": [["09:00", "20:00"]]}, "closed": ["2026-12-24"]},
        "frequencyCap": {"messages": 2, "days": 7}, "rate": {"max": 60, "perSeconds": 60}, "weight": 3,
    }  # fmt: skip

    changed = shop("orgs", "set", "-", stdin=json.dumps({**SHOP, **limits}))
    shown = shop("orgs", "show", "org_1", "--json").json()
    wrong = shop("orgs", "set", "-", stdin=json.dumps({**SHOP, "sendingHours": {"days": {"mon": [["9h", "20:00"]]}}}))

    assert 'frequencyCap: null → {"messages": 2, "days": 7}' in changed.out
    assert shown["numbers"] == SHOP["numbers"]
    assert shown["sendingHours"]["days"]["mon"] == [["09:00", "20:00"]]
    assert 'frequencyCap: {"messages": 2, "days": 7}\n' in shop("orgs", "show", "org_1").out
    assert "sendingHours.days.mon[0]: has '9h'" in wrong.err
    assert "write 09:00" in wrong.err
