"""`oxyq alerts`: what is wrong, whether anybody would hear of it, and peace from it for a while."""

import http.server
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from oxyq.alerts.watch import AlertWatch
from oxyq.app import App
from oxyq.instances import Instance
from oxyq.organizations import demo_organization
from tests.command_line import CommandLine

InApp = Callable[[Callable[[App], Any]], Any]


@pytest.fixture
def hook(oxyq: CommandLine) -> Iterator[list[int]]:
    """A webhook that is set; answers with the statuses that are put into it."""
    statuses = [204]

    class Answers(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(statuses[0])
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        oxyq.settings |= {
            "OXYQ_ALERT_WEBHOOK": f"http://127.0.0.1:{server.server_port}/a-secret-room",
            "OXYQ_ALERT_SECRET": "s" * 32,
            "OXYQ_ALERT_DISCONNECTED_SECONDS": "1",
        }
        yield statuses
        server.shutdown()


@pytest.fixture
def lost(oxyq: CommandLine, hook: list[int], in_app: InApp) -> None:
    """A number of org_1 is away, and that was looked at."""

    async def work(app: App) -> None:
        await app.organizations.save(demo_organization().model_copy(update={"id": "org_1"}))
        await app.instances.save(Instance(id="wa_1", organization_id="org_1", gateway="simulator"))
        await app.instances.note_state("wa_1", "closed")
        from oxyq import redis_keys

        await app.redis.zadd(redis_keys.numbers_away(prefix=app.settings.redis_prefix), {"wa_1": 1_700_000_000_000})
        watch: AlertWatch = app.alert_watch
        await watch.run_once()

    in_app(work)


def test_what_is_wrong_is_listed(oxyq: CommandLine, lost: None) -> None:
    listed, own, others = oxyq("alerts", "list"), oxyq("alerts", "list", "--org", "org_1", "--json").json(), oxyq(
        "alerts", "list", "--org", "org_2", "--json"
    ).json()  # fmt: skip

    [row] = [line for line in listed.out.splitlines() if "number-disconnected" in line]
    assert row.split()[:2] == ["firing", "critical"]
    assert "number-disconnected/org_1/wa_1" in row
    [alert] = own["alerts"]
    assert (alert["id"], alert["state"], alert["runbook"]) == (
        "number-disconnected/org_1/wa_1", "firing", "docs/runbook.md#number-disconnected"
    )  # fmt: skip
    assert own["isLooking"] is True
    assert others["alerts"] == []


def test_a_test_says_what_came_back(oxyq: CommandLine, hook: list[int]) -> None:
    taken = oxyq("alerts", "test")
    assert (taken.code, taken.out.split(" (")[0]) == (0, "the webhook answered 204")

    hook[0] = 404
    refused = oxyq("alerts", "test")
    assert (refused.code, refused.out) == (1, "")
    assert "the webhook answered 404 (1 try" in refused.err
    assert "a-secret-room" not in refused.err
    as_json = oxyq("alerts", "test", "--json").json()
    assert (as_json["taken"], as_json["status"]) == (False, 404)


def test_without_a_webhook_a_test_says_what_to_set(oxyq: CommandLine) -> None:
    ended = oxyq("alerts", "test")

    assert ended.code == 2
    assert "OXYQ_ALERT_WEBHOOK is not set" in ended.err


def test_a_webhook_without_its_secret_is_refused(oxyq: CommandLine) -> None:
    oxyq.settings |= {"OXYQ_ALERT_WEBHOOK": "https://hooks.example.com/room"}

    ended = oxyq("alerts", "list")

    assert ended.code == 2
    assert "OXYQ_ALERT_SECRET: is missing" in ended.err
    assert "example.com" not in ended.err


def test_an_owner_can_be_sent_a_test(oxyq: CommandLine, lost: None) -> None:
    ended = oxyq("alerts", "test", "--org", "org_1")

    assert ended.out.startswith("added auto-")
    assert oxyq("alerts", "test", "--org", "org_9").code == 1


def test_silence_is_shown_and_ended(oxyq: CommandLine, lost: None) -> None:
    assert "is silenced until" in oxyq("alerts", "silence", "number-disconnected/org_1/wa_1", "--for", "2h").out
    assert "firing (silenced)" in oxyq("alerts", "list").out
    assert "silenced until" in oxyq("alerts", "silence", "--all", "--for", "1h").out
    assert set(oxyq("alerts", "list", "--json").json()["silences"]) == {"*", "number-disconnected/org_1/wa_1"}

    assert oxyq("alerts", "silence", "number-disconnected/org_1/wa_1", "--end").out.endswith("is told again\n")
    oxyq("alerts", "silence", "--all", "--end")
    assert "silenced" not in oxyq("alerts", "list").out
    deeds = [entry["action"] for entry in oxyq("audit", "list", "--json").json()]
    assert deeds.count("alert.silence") == 4


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["queu-late", "--for", "1h"], "there is no rule 'queu-late'; did you mean queue-late?"),
        (["--for", "1h"], "give the alert, or --all"),
        (["queue-late"], "give --for with a time such as 2h, or --end"),
        (["queue-late", "--for", "31d"], "--for: must be from 1s to 30d"),
        (["queue-late", "--for", "2h", "--end"], "give --for"),
    ],
)
def test_wrong_use_says_how_it_is_right(oxyq: CommandLine, arguments: list[str], told: str) -> None:
    ended = oxyq("alerts", "silence", *arguments)

    assert ended.code == 2
    assert told in ended.err
