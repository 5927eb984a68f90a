"""`oxyq enqueue`: all entries of a file or none."""

import json
from collections.abc import Callable
from typing import Any

from oxyq.app import App
from tests.command_line import CommandLine


def message(number: int, **changed: object) -> dict[str, object]:
    return {
        "organizationId": "org_1", "instanceId": "wa_1", "from": "5511999999999@c.us", "content": f"Olá {number}",
        "messageId": f"msg_{number}", "timestamp": 1_795_377_084_000, **changed,
    }  # fmt: skip


REMINDER = {
    "automationId": "auto_1", "organizationId": "org_1", "type": "reminder", "recipientNumber": "5511999999999",
    "content": "Lembrete",
}  # fmt: skip
CAMPAIGN = {
    "campaignId": "campaign_1", "organizationId": "org_1", "recipients": ["5511888888888", "5511777777777"],
    "template": "Olá {{name}}", "variables": {"name": "Cliente"},
}  # fmt: skip


def waiting(oxyq: CommandLine, queue: str) -> int:
    return oxyq("queues", "stats", "--json").json()["queues"][queue]["waiting"]


def test_one_object_becomes_one_job(oxyq: CommandLine, in_app: Callable[..., Any]) -> None:
    ended = oxyq("enqueue", "message", "-", stdin=json.dumps(message(1)))

    assert (ended.code, ended.err) == (0, "")
    job = in_app(lambda app: app.queues["message"].job(ended.out.strip()))
    assert job.data == message(1)


def test_an_array_of_a_file_and_lines_of_a_pipe(oxyq: CommandLine) -> None:
    """Also many more than are under way at once, and as JSON."""
    (oxyq.folder / "messages.json").write_text(json.dumps([message(n) for n in range(450)]))
    from_file = oxyq("enqueue", "message", str(oxyq.folder / "messages.json"), "--json")
    from_pipe = oxyq("enqueue", "message", "-", stdin="\n".join(json.dumps(message(n)) for n in range(440, 460)))

    assert from_file.json()["queue"] == "message"
    assert len(set(from_file.json()["ids"])) == 450
    assert from_pipe.out.splitlines()[:10] == from_file.json()["ids"][440:]
    assert waiting(oxyq, "message") == 460


def test_the_same_file_twice_is_the_same_jobs(oxyq: CommandLine) -> None:
    first = oxyq("enqueue", "campaign", "-", stdin=json.dumps(CAMPAIGN))
    second = oxyq("enqueue", "campaign", "-", stdin=json.dumps(CAMPAIGN))

    assert (first.code, second.code) == (0, 0)
    assert first.out == second.out
    assert waiting(oxyq, "campaign") == 1


def test_one_bad_entry_keeps_all_of_them_out(oxyq: CommandLine) -> None:
    ended = oxyq("enqueue", "message", "-", stdin=json.dumps([message(1), message(2, content=""), message(3)]))

    assert ended.code == 1
    assert "entry 2, content: " in ended.err
    assert waiting(oxyq, "message") == 0


def test_an_id_that_other_data_took_keeps_all_of_them_out(oxyq: CommandLine) -> None:
    # Given a message that was accepted before
    oxyq("enqueue", "message", "-", stdin=json.dumps(message(2)))

    # When a file has the same message id with another text
    ended = oxyq("enqueue", "message", "-", stdin=json.dumps([message(1), message(2, content="Outro"), message(3)]))

    # Then nothing of that file was added
    assert ended.code == 1
    assert "entry 2, msg-" in ended.err
    assert "accepted before with different data" in ended.err
    assert waiting(oxyq, "message") == 1


def test_a_reminder_waits_for_its_delay(oxyq: CommandLine, in_app: Callable[..., Any]) -> None:
    ended = oxyq("enqueue", "automation", "-", "--delay", "90s", stdin=json.dumps(REMINDER))

    async def look(app: App) -> Any:
        return await app.queues["automation"].job(ended.out.strip())

    assert in_app(look).delay_ms == 90_000


def test_without_redis_the_command_says_so_and_what_to_do(oxyq: CommandLine) -> None:
    oxyq.settings["REDIS_URL"] = "redis://127.0.0.1:1"

    ended = oxyq("enqueue", "message", "-", stdin=json.dumps(message(1)))

    assert ended.code == 1
    assert "127.0.0.1:1 cannot be reached" in ended.err
    assert "check REDIS_URL" in ended.err
    assert len(ended.err.splitlines()) == 1
