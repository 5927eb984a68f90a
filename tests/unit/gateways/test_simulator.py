"""The simulator: its log is what "WhatsApp" received, and its numbers fail as documented, in every process."""

import inspect
import json
import os
import re
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from oxyq.gateways import simulator
from oxyq.gateways.base import Gateway, MaybeSent, NeverWill, NotSent, SlowDown
from oxyq.gateways.outbound import OutboundText
from oxyq.gateways.simulator import SimulatorGateway, customer_message, read_log
from oxyq.jobs import InboundMessage, parse_new

NOW_MS = 1_795_377_084_000


def text_to(recipient: str, key: str = "key-1", text: str = "Olá 😀\n{{x}}") -> OutboundText:
    return OutboundText("org_demo", "wa_demo", recipient, text, key)


@pytest.fixture
def log_path(tmp_path: Path) -> Path:
    return tmp_path / "not yet made" / "simulator.jsonl"


@pytest.fixture
def gateway(log_path: Path) -> SimulatorGateway:
    return SimulatorGateway(log_path, slow_seconds=0.2)


async def test_what_was_sent_is_in_the_log(gateway: SimulatorGateway, log_path: Path) -> None:
    before_ms = time.time_ns() // 1_000_000

    receipt = await gateway.send(text_to("5511999990001"))
    await gateway.close()

    [received] = read_log(log_path)
    assert (received.key, received.to, received.text) == ("key-1", "5511999990001", "Olá 😀\n{{x}}")
    assert (received.organization_id, received.instance_id) == ("org_demo", "wa_demo")
    assert received.provider_id == receipt.provider_id
    assert before_ms <= received.at_ms <= time.time_ns() // 1_000_000


async def test_each_record_is_one_line_of_json_with_the_documented_fields(
    gateway: SimulatorGateway, log_path: Path
) -> None:
    for number in range(3):
        await gateway.send(text_to("5511999990001", key=f"key-{number}"))
    await gateway.close()

    records = [json.loads(line) for line in log_path.read_text(encoding="utf-8").splitlines()]
    assert [record["key"] for record in records] == ["key-0", "key-1", "key-2"]
    assert all(
        list(record) == ["at", "key", "organizationId", "instanceId", "to", "text", "providerId"] for record in records
    )
    assert len({record["providerId"] for record in records}) == 3


async def test_the_log_is_for_its_owner_alone(gateway: SimulatorGateway, log_path: Path) -> None:
    await gateway.send(text_to("5511999990001"))
    await gateway.close()

    assert stat.S_IMODE(log_path.stat().st_mode) == 0o600


async def test_closing_twice_does_no_harm_and_sending_opens_it_again(gateway: SimulatorGateway, log_path: Path) -> None:
    await gateway.send(text_to("5511999990001"))
    await gateway.close()
    await gateway.close()
    await gateway.send(text_to("5511999990001"))
    await gateway.close()

    assert len(read_log(log_path)) == 2


def test_a_log_that_was_never_written_is_empty(log_path: Path) -> None:
    assert read_log(log_path) == []


async def test_closing_lets_go_of_the_file(gateway: SimulatorGateway) -> None:
    await gateway.send(text_to("5511999990001"))
    log = gateway._log
    assert log is not None

    await gateway.close()

    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(log)


@pytest.mark.parametrize("ending", ["0001", "9905"])
async def test_a_log_that_cannot_be_written_means_not_sent(log_path: Path, ending: str) -> None:
    log_path.parent.write_text("a file where the folder should be")

    with pytest.raises(NotSent, match=r"^key-1: the log cannot be written: "):
        await SimulatorGateway(log_path).send(text_to(f"551199999{ending}"))


async def test_the_end_of_a_long_log_is_read_in_whole_lines(gateway: SimulatorGateway, log_path: Path) -> None:
    for number in range(5):
        await gateway.send(text_to("5511999990001", key=f"key-{number}"))
    await gateway.close()
    size, line = log_path.stat().st_size, len(log_path.read_bytes().splitlines()[-1]) + 1

    def keys(last_bytes: int) -> list[str]:
        return [received.key for received in read_log(log_path, last_bytes=last_bytes)]

    assert keys(2 * line + 10) == ["key-3", "key-4"]
    assert keys(size) == keys(size + 1) == [f"key-{number}" for number in range(5)]


async def test_a_line_that_is_still_being_written_is_not_read(gateway: SimulatorGateway, log_path: Path) -> None:
    await gateway.send(text_to("5511999990001"))
    await gateway.close()
    with log_path.open("a") as log:
        log.write('{"at": 1, "key": "ke')

    assert [received.key for received in read_log(log_path)] == ["key-1"]


# --- the numbers that fail ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ending", "outcomes", "received"),
    [
        ("0001", ["sent", "sent", "sent"], 3),
        ("9901", [NotSent, NotSent, NotSent], 0),
        ("9902", [NeverWill, NeverWill, NeverWill], 0),
        ("9903", [MaybeSent, MaybeSent, MaybeSent], 3),
        ("9904", ["sent", "sent", "sent"], 3),
        ("9905", [NotSent, "sent", "sent"], 2),
        ("9906", [SlowDown, "sent", "sent"], 2),
        ("9907", [SlowDown, "sent", "sent"], 2),
        ("9908", [SlowDown, "sent", "sent"], 2),
    ],
)
async def test_the_last_four_digits_decide(log_path: Path, ending: str, outcomes: list[object], received: int) -> None:
    """Each attempt comes from a gateway of its own, as after a restart."""
    seen: list[object] = []

    for _ in outcomes:
        gateway = SimulatorGateway(log_path, slow_seconds=0)
        try:
            await gateway.send(text_to(f"551199999{ending}"))
            seen.append("sent")
        except (NotSent, NeverWill, MaybeSent, SlowDown) as error:
            seen.append(type(error))
        finally:
            await gateway.close()

    assert seen == outcomes
    assert len(read_log(log_path)) == received


@pytest.mark.parametrize("ending", ["9905", "9906"])
async def test_what_fails_once_fails_once_for_each_key(gateway: SimulatorGateway, ending: str) -> None:
    for key in ("a", "b", "../c"):
        with pytest.raises((NotSent, SlowDown)):
            await gateway.send(text_to(f"551199999{ending}", key=key))
        assert await gateway.send(text_to(f"551199999{ending}", key=key))
    await gateway.close()


@pytest.mark.parametrize(("ending", "scope"), [("9906", "number"), ("9907", "pair"), ("9908", "campaign")])
async def test_slow_down_asks_for_one_second_and_says_with_what(
    gateway: SimulatorGateway, ending: str, scope: str
) -> None:
    with pytest.raises(SlowDown) as caught:
        await gateway.send(text_to(f"551199999{ending}"))

    assert (caught.value.retry_after_seconds, caught.value.scope) == (1.0, scope)


async def test_the_slow_number_takes_its_time_before_the_message_is_received(
    gateway: SimulatorGateway, log_path: Path
) -> None:
    started = time.perf_counter()

    await gateway.send(text_to("5511999999904"))
    await gateway.close()

    assert time.perf_counter() - started >= 0.2
    assert len(read_log(log_path)) == 1


def test_slow_is_two_seconds() -> None:
    assert inspect.signature(SimulatorGateway).parameters["slow_seconds"].default == 2.0


async def test_every_send_takes_the_latency_that_was_asked_for(log_path: Path) -> None:
    gateway = SimulatorGateway(log_path, latency_seconds=0.1)
    started = time.perf_counter()

    await gateway.send(text_to("5511999990001"))
    await gateway.close()

    assert time.perf_counter() - started >= 0.1


@pytest.mark.parametrize("recipient", ["abc", "", "120363025246125486@g.us"])
async def test_what_is_no_number_never_gets_a_message(
    gateway: SimulatorGateway, log_path: Path, recipient: str
) -> None:
    with pytest.raises(NeverWill):
        await gateway.send(text_to(recipient))

    assert read_log(log_path) == []


async def test_an_error_names_the_key_and_never_the_text(gateway: SimulatorGateway) -> None:
    with pytest.raises(NotSent, match=r"^key-1: ") as caught:
        await gateway.send(text_to("5511999999901", text="something private"))

    assert "private" not in str(caught.value)


def test_the_documented_numbers_are_the_numbers() -> None:
    numbers = {value for name, value in vars(simulator).items() if name.isupper() and isinstance(value, str)}

    assert numbers == set(re.findall(r"^(99\d\d)  ", simulator.__doc__ or "", re.MULTILINE))


def test_the_simulator_is_a_gateway(gateway: SimulatorGateway) -> None:
    as_gateway: Gateway = gateway

    assert (as_gateway.name, as_gateway.capabilities) == (
        "simulator",
        frozenset({"text", "media", "templates", "typing", "read", "resolve"}),
    )


# --- several processes -------------------------------------------------------------------------------------

SENDER = """
import asyncio, sys
from pathlib import Path
from oxyq.gateways.base import NotSent
from oxyq.gateways.outbound import OutboundText
from oxyq.gateways.simulator import SimulatorGateway

async def main(log_path, name):
    gateway = SimulatorGateway(Path(log_path))
    for number in range(200):
        await gateway.send(OutboundText("org", None, "5511999990001", "x" * 4000, f"{name}-{number}"))
    failures = 0
    for number in range(50):
        try:
            await gateway.send(OutboundText("org", None, "5511999999905", "x", f"shared-{number}"))
        except NotSent:
            failures += 1
    print(failures)

asyncio.run(main(*sys.argv[1:]))
"""


def test_processes_that_share_the_log_never_mix_their_lines(log_path: Path) -> None:
    """Also what fails once, fails once in all processes together."""
    senders = [
        subprocess.Popen([sys.executable, "-c", SENDER, str(log_path), name], stdout=subprocess.PIPE, text=True)
        for name in ("a", "b")
    ]

    failures = [int(sender.communicate(timeout=30)[0]) for sender in senders]

    received = read_log(log_path)
    keys = [message.key for message in received if not message.key.startswith("shared")]
    assert sorted(keys) == sorted(f"{name}-{number}" for name in "ab" for number in range(200))
    assert sum(failures) == 50
    assert len(received) == 400 + 50


# --- customers who write -----------------------------------------------------------------------------------


def test_a_customer_writes_a_payload_that_our_own_door_takes() -> None:
    payload = customer_message("org_demo", "wa_demo", "+55 11 99999-0001", "Abre no sábado?", NOW_MS)

    message = parse_new(InboundMessage, payload)
    assert (message.organization_id, message.instance_id) == ("org_demo", "wa_demo")
    assert (message.sender, message.content, message.timestamp) == ("5511999990001", "Abre no sábado?", NOW_MS)


def test_every_message_of_a_customer_is_a_new_one() -> None:
    ids = {customer_message("o", "i", "5511999990001", "oi", NOW_MS)["messageId"] for _ in range(100)}

    assert len(ids) == 100
