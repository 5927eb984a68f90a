"""`oxyq top`: everything at a glance, live before a terminal and once for a script."""

import json
import signal
from collections.abc import Callable
from typing import Any

from oxyq.app import App
from tests.command_line import DEADLINE_SECONDS, CommandLine
from tests.integration.cli.test_enqueue import REMINDER
from tests.redis_server import RedisServer
from tests.terminal import Terminal

ON_THE_OTHER_SCREEN, BACK = "\x1b[?1049h", "\x1b[?1049l"


def test_it_goes_on_until_q_and_leaves_the_terminal_as_it_was(oxyq: CommandLine, terminal: Terminal) -> None:
    there, before = terminal.theirs, terminal.modes()
    with oxyq.start("top", "--every", "500ms", stdin=there, stdout=there, stderr=there, TERM="xterm") as process:
        terminal.until("automation")
        assert "no answer" not in terminal.seen

        # When something comes, it is seen without asking
        oxyq("enqueue", "automation", "-", stdin=json.dumps({**REMINDER, "automationId": "a1"}))
        terminal.until("  1  ")
        terminal.type("q")
        assert process.wait(DEADLINE_SECONDS) == 0

    terminal.until(BACK)
    assert ON_THE_OTHER_SCREEN in terminal.seen
    assert terminal.modes() == before


def test_ctrl_c_ends_it_too(oxyq: CommandLine, terminal: Terminal) -> None:
    there, before = terminal.theirs, terminal.modes()
    with oxyq.start("top", stdin=there, stdout=there, stderr=there, TERM="xterm") as process:
        terminal.until("campaign")
        process.send_signal(signal.SIGINT)
        assert process.wait(DEADLINE_SECONDS) == 130

    terminal.until(BACK)
    assert terminal.modes() == before
    assert "Traceback" not in terminal.seen


def test_while_redis_is_away_it_says_so_and_goes_on_when_it_is_back(
    oxyq: CommandLine, terminal: Terminal, own_redis: RedisServer
) -> None:
    there = terminal.theirs
    oxyq.settings |= {"REDIS_URL": own_redis.url}
    with oxyq.start("top", "--every", "500ms", stdin=there, stdout=there, stderr=there, TERM="xterm") as process:
        terminal.until("fine")
        own_redis.kill()
        terminal.until("check REDIS_URL and that the server runs")
        terminal.seen = ""
        own_redis.start()
        terminal.until("fine")
        terminal.type("q")
        assert process.wait(DEADLINE_SECONDS) == 0


def test_a_script_gets_it_once(oxyq: CommandLine, in_app: Callable[[Callable[[App], Any]], Any]) -> None:
    oxyq("enqueue", "automation", "-", stdin=json.dumps(REMINDER))

    async def lose(app: App) -> None:
        from oxyq.instances import Instance

        await app.instances.save(Instance(id="wa_1", organization_id="org_1", gateway="simulator"))
        await app.instances.note_state("wa_1", "closed")

    in_app(lose)

    piped, machine = oxyq("top"), oxyq("top", "--once", "--json").json()

    rows = {line.split()[0]: line.split() for line in piped.out.splitlines() if line.strip()}
    assert rows["automation"][:3] == ["automation", "stopped", "1"]
    assert "numbers 0/1 connected" in piped.out
    assert "wa_1 of org_1: closed" in piped.out
    assert "\x1b" not in piped.out
    assert machine["queues"]["automation"]["waiting"] == 1
    assert machine["queues"]["automation"]["completedPerSecond"] == 0
    assert [one["id"] for one in machine["numbers"]["disconnected"]] == ["wa_1"]


def test_colours_can_be_forced_and_refused(oxyq: CommandLine) -> None:
    oxyq.settings |= {"FORCE_COLOR": "1", "TERM": "xterm"}
    assert "\x1b[" in oxyq("queues", "stats").out

    oxyq.settings |= {"NO_COLOR": "1"}
    assert "\x1b" not in oxyq("queues", "stats").out
