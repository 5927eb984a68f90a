"""Commands as processes: exit codes, signals, pipes, and what is left behind."""

import json
import os
import re
import select
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.command_line import DEADLINE_SECONDS, CommandLine
from tests.integration.cli.test_enqueue import REMINDER
from tests.integration.cli.test_organizations import SHOP


@pytest.fixture
def embedded(tmp_path: Path) -> Iterator[CommandLine]:
    """`oxyq …` on a machine without Redis: it runs a server of its own, in a folder of the test's own."""
    yield CommandLine(tmp_path, OXYQ_LOG_FORMAT="json", OXYQ_DATA_DIR=str(tmp_path / ".oxyq"))
    for server in servers(tmp_path):
        server.kill()


@pytest.fixture
def silent_server() -> Iterator[socket.socket]:
    """A Redis that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(DEADLINE_SECONDS)
        yield server


def servers(folder: Path) -> list[psutil.Process]:
    """The embedded servers whose data is in `folder`."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if any(str(folder) in word for word in words) and any("server" in word for word in words[:1]):
            found.append(process)
    return found


def read_until(process: "subprocess.Popen[bytes]", wanted: str) -> str:
    """What a process wrote to standard error up to `wanted`; fails the test when it does not come."""
    assert process.stderr is not None
    written, deadline = b"", time.monotonic() + DEADLINE_SECONDS
    while wanted.encode() not in written:
        ready, _, _ = select.select([process.stderr], [], [], max(deadline - time.monotonic(), 0))
        chunk = os.read(process.stderr.fileno(), 65536) if ready else b""
        assert chunk, f"no {wanted!r} in {written.decode()!r}"
        written += chunk
    return written.decode()


def end(process: "subprocess.Popen[bytes]", sign: int) -> tuple[int, str, str]:
    """Send a signal, wait, and return exit code, standard output and error."""
    process.send_signal(sign)
    out, err = process.communicate(timeout=DEADLINE_SECONDS)
    return process.returncode, out.decode(), err.decode()


# --- pipes ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [["--help"], ["queues", "stats", "--json"]], ids=" ".join)
def test_a_reader_that_goes_away_is_no_reason_to_complain(oxyq: CommandLine, arguments: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    process = oxyq.start(*arguments, stdout=writing)
    os.close(writing)
    _, err = process.communicate(timeout=DEADLINE_SECONDS)

    assert (process.returncode, err) == (1, b"")


def test_a_full_disk_is_told(oxyq: CommandLine) -> None:
    with open("/dev/full", "wb") as full:
        process = oxyq.start("--help", stdout=full)
        _, err = process.communicate(timeout=DEADLINE_SECONDS)

    assert (process.returncode, err) == (1, b"Error: the output: No space left on device\n")


def test_it_works_without_a_home_a_terminal_or_utf8(oxyq: CommandLine) -> None:
    oxyq("enqueue", "automation", "-", stdin=json.dumps({**REMINDER, "organizationId": "org_ç"}))
    process = subprocess.run(
        ["sh", "-c", "unset HOME USER TERM; exec python -m oxyq queues stats automation <&-"],
        env={**oxyq.environment(PYTHONIOENCODING="ascii"), "PATH": f"{Path(os.sys.executable).parent}:/usr/bin:/bin"},
        capture_output=True,
        check=True,
    )

    assert process.stdout.split(b"\n")[1].split()[:2] == [b"automation", b"1"]
    assert process.stderr == b""


# --- signals ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sign", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)], ids=["INT", "TERM", "HUP"]
)
def test_a_signal_ends_a_command_at_once_and_quietly(
    oxyq: CommandLine, silent_server: socket.socket, sign: int, code: int
) -> None:
    # Given a command that waits for a Redis which does not answer
    process = oxyq.start("queues", "stats", REDIS_URL=f"redis://127.0.0.1:{silent_server.getsockname()[1]}")
    connection, _ = silent_server.accept()
    started = time.monotonic()

    # When it gets the signal
    ended = end(process, sign)

    # Then it does not wait for its deadline of 5 s
    assert ended == (code, "", "")
    assert time.monotonic() - started < 4
    connection.close()


def test_ctrl_c_while_reading_input_is_quiet(oxyq: CommandLine) -> None:
    process = oxyq.start("enqueue", "message", "-", "--json")
    # No sign tells that it reads; whatever it does in this second, Ctrl-C must be quiet.
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(1)

    assert end(process, signal.SIGINT) == (130, "", "")


def test_workers_end_on_a_signal_and_leave_no_process(embedded: CommandLine) -> None:
    """Ctrl-C in a terminal reaches the embedded server too, and must not end it before the workers."""
    process = embedded.start("workers", "start", "message")
    read_until(process, "working on message")
    assert len(servers(embedded.folder)) == 1

    code, out, err = end(process, signal.SIGINT)

    assert (code, out) == (0, "")
    assert json.loads(err.splitlines()[-1])["news"] == "stopping: finishing the jobs in hand"
    assert servers(embedded.folder) == []


def test_workers_that_wait_for_redis_can_be_stopped(oxyq: CommandLine, silent_server: socket.socket) -> None:
    process = oxyq.start("workers", "message", REDIS_URL=f"redis://127.0.0.1:{silent_server.getsockname()[1]}")
    connection, _ = silent_server.accept()

    code, _, err = end(process, signal.SIGTERM)

    assert code == 0
    assert "Traceback" not in err
    connection.close()


# --- the embedded server ----------------------------------------------------------------------------------------


def test_commands_share_the_data_and_leave_no_process(embedded: CommandLine) -> None:
    """What one command added, the next one finds, with the server ended and started in between."""
    assert embedded("orgs", "set", "-", stdin=json.dumps(SHOP)).code == 0
    assert servers(embedded.folder) == []
    assert embedded.process("orgs", "list", "--json").json()["organizations"][0]["name"] == "Pet Shop"
    assert servers(embedded.folder) == []


def test_a_command_joins_the_server_of_running_workers(embedded: CommandLine) -> None:
    """Two processes on one folder: what the command adds, the workers do; the answer is in the simulator's log."""
    process = embedded.start("workers", "start")
    read_until(process, "working on")

    assert embedded("orgs", "set", "-", stdin=json.dumps(SHOP)).code == 0
    assert embedded("enqueue", "automation", "-", stdin=json.dumps(REMINDER)).code == 0
    read_until(process, "job.handled")
    assert end(process, signal.SIGTERM)[0] == 0

    [line] = (embedded.folder / ".oxyq" / "simulator.jsonl").read_text().splitlines()
    assert json.loads(line)["text"] == REMINDER["content"]
    assert servers(embedded.folder) == []


def test_a_data_folder_that_cannot_be_used_is_named_with_its_setting(embedded: CommandLine) -> None:
    (embedded.folder / "file").touch()
    ended = embedded.process("queues", "stats", OXYQ_DATA_DIR="file/inside")

    assert ended.code == 2
    assert "OXYQ_DATA_DIR" in ended.err
    assert "file/inside" in ended.err
    assert "Traceback" not in ended.err


# --- the API ----------------------------------------------------------------------------------------------------


def test_the_api_serves_until_a_signal_and_refuses_a_port_in_use(oxyq: CommandLine) -> None:
    oxyq.settings |= {"OXYQ_PORT": "0", "OXYQ_LOG_FORMAT": "json"}
    process = oxyq.start("api")
    url = re.search(r"http://localhost:(\d+)", read_until(process, "API on"))
    assert url is not None
    with urllib.request.urlopen(f"{url[0]}/health") as answer:  # noqa: S310 - our own
        assert answer.status == 200

    second = oxyq.process("api", OXYQ_PORT=url[1])
    code, out, _ = end(process, signal.SIGTERM)

    assert second.code == 2
    # Before it, in development, what Redis may lose: the tests' server keeps nothing on disk.
    assert second.err.splitlines()[-1] == (
        f"Error: OXYQ_PORT: cannot listen on 127.0.0.1:{url[1]} (Address already in use); "
        "stop what uses it, or set another OXYQ_PORT"
    )
    assert (code, out) == (0, "")
