"""Bad entries are refused before Redis is looked for, each with its number and field."""

import json

import pytest

from tests.command_line import CommandLine

MESSAGE = {
    "organizationId": "org_demo", "instanceId": "wa_demo", "from": "5511999999999@c.us", "content": "Olá",
    "messageId": "msg_1", "timestamp": 1_795_377_084_000,
}  # fmt: skip
AUTOMATION = {
    "automationId": "auto_1", "organizationId": "org_demo", "type": "reminder", "recipientNumber": "5511999999999",
    "content": "Lembrete", "scheduledFor": 1_795_380_684_000,
}  # fmt: skip


def lines(*entries: object) -> str:
    return "\n".join(json.dumps(entry) for entry in entries)


@pytest.mark.parametrize(
    ("written", "told"),
    [
        (json.dumps({**MESSAGE, "content": " "}), "Error: content: must not be blank"),
        (json.dumps({**MESSAGE, "form": 1}), "Error: form: is not a known field; did you mean from?"),
        (json.dumps([MESSAGE, {**MESSAGE, "from": "abc"}]), "Error: entry 2, from: "),
        (json.dumps([MESSAGE, "text"]), "Error: entry 2, payload: must be an object"),
        (lines(MESSAGE, {**MESSAGE, "timestamp": 1_795_377_084}), "entry 2 (line 2), timestamp: looks like seconds"),
        (lines(MESSAGE, {**MESSAGE, "content": "Oi"}), "Error: entry 2 (line 2): has the id of entry 1 (line 1)"),
        ("", "Error: standard input: is empty"),
        ("[]", "nothing to enqueue"),
        ("{", "Error: standard input: is not JSON"),
    ],
    ids=[
        "blank", "unknown field", "in an array", "no object", "on a line", "same id, other data", "empty",
        "empty array", "no JSON",
    ],
)  # fmt: skip
def test_a_bad_entry_is_named_with_its_field(oxyq: CommandLine, written: str, told: str) -> None:
    ended = oxyq("enqueue", "message", "-", stdin=written)

    assert ended.code == 1
    assert told in ended.err
    assert ended.out == ""


def test_many_bad_entries_are_told_up_to_ten(oxyq: CommandLine) -> None:
    ended = oxyq("enqueue", "message", "-", stdin=json.dumps([{**MESSAGE, "content": ""} for _ in range(25)]))

    assert len(ended.err.splitlines()) == 11
    assert ended.err.splitlines()[-1] == "Error: …: and 15 more problems"


def test_two_times_for_one_reminder_are_refused(oxyq: CommandLine) -> None:
    ended = oxyq("enqueue", "automation", "-", "--delay", "90s", stdin=json.dumps([AUTOMATION]))

    assert ended.code == 1
    assert "entry 1, scheduledFor: is a time, and --delay is another" in ended.err


@pytest.mark.parametrize("source", ["nothing.json", "."])
def test_a_file_that_cannot_be_read_is_named(oxyq: CommandLine, source: str) -> None:
    ended = oxyq("enqueue", "message", source)

    assert ended.code == 1
    assert ended.err.startswith(f"Error: {source}: ")
