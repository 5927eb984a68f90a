"""`oxyq campaigns`, as far as it needs no server."""

import json

import pytest

from oxyq.cli import campaigns
from tests.unit.cli.test_campaign_text import NOW, text


@pytest.mark.parametrize("as_json", [False, True])
def test_who_watches_through_a_pipe_is_told_only_of_what_happened(
    capsys: pytest.CaptureFixture[str], as_json: bool
) -> None:
    with campaigns._lines(as_json) as shown:
        for campaign in (text(sent=1), text(sent=1, endsAt=NOW), text(sent=2), text(sent=2)):
            shown(campaign)

    lines = capsys.readouterr().out.splitlines()
    if as_json:
        assert [json.loads(line)["sent"] for line in lines] == [1, 2]
    else:
        assert [line[:46] for line in lines] == [
            "2026-11-24 12:00:00 sale_1 is running: 1 of 10",
            "2026-11-24 12:00:00 sale_1 is running: 2 of 10",
        ]
