"""What an installation must do whatever it runs on: begin, answer a customer, let its owner in, and end in order."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final
from urllib.request import urlopen

import httpx

from oxyq.queues import POLICIES
from tests.deploy.service import Outside, Service

#: A busy machine starts slowly.
START_SECONDS: Final = 90.0
SHOP: Final = {
    "id": "org_1",
    "name": "Pet Shop",
    "instances": ["wa_1"],
    "faq": [{"questions": ["qual o endereço", "onde fica a loja"], "answer": "Rua das Acácias, 120."}],
    "conversation": {"quietSeconds": 0.2},
}
#: No account is to be had for a rehearsal: WhatsApp is a file.
WHATSAPP: Final = "whatsapp.jsonl"


def play(services: Sequence[Service], outside: Outside, checkout: Path, path: str, tell: Callable[[str], None]) -> None:
    """Start all services, have a customer answered and the owner let in, end them; AssertionError for what is wrong.

    `path` is PATH: the environment that was built stands first in it.
    """
    own = {
        "PATH": path, "OXYQ_REDIS_CA_FILE": str(outside.redis_ca),
        "OXYQ_GATEWAY": "simulator", "OXYQ_SIMULATOR_LOG": str(outside.data / WHATSAPP),
    }  # fmt: skip
    with contextlib.ExitStack() as running:
        started = [running.enter_context(_running(one, own, outside, checkout)) for one in services]
        for service, process in started:
            if service.health is not None:
                tell(f"{service.name}: well after {_until_well(service, process, own, outside):.1f} s")
        [api] = [service for service in services if service.name.endswith("api")]
        _answered(f"http://127.0.0.1:{outside.api_port}", {**api.environment, **own}, checkout, outside)
        tell("a customer was answered, the owner was let in, work gets through every queue")
        for service, process in started:
            began = time.monotonic()
            process.send_signal(signal.SIGTERM)
            try:
                code = process.wait(service.stop_seconds)
            except subprocess.TimeoutExpired:
                raise AssertionError(f"{service.name} still ran {service.stop_seconds} s after SIGTERM") from None
            assert code == 0, f"{service.name} ended with {code}: {_said(service, outside)}"
            tell(f"{service.name}: ended {time.monotonic() - began:.1f} s after SIGTERM, with 0")


def _answered(url: str, environment: Mapping[str, str], checkout: Path, outside: Outside) -> None:
    def oxyq(*arguments: str, given: str = "") -> str:
        done = subprocess.run(
            ["oxyq", *arguments], env=environment, cwd=checkout, input=given, capture_output=True, text=True,
            executable=_found("oxyq", environment["PATH"]),
        )  # fmt: skip
        assert done.returncode == 0, f"oxyq {' '.join(arguments)} ended with {done.returncode}: {done.stderr}"
        return done.stdout.strip()

    oxyq("orgs", "set", "-", given=json.dumps(SHOP))
    with httpx.Client(base_url=url, timeout=30) as web:
        # The owner
        link = oxyq("token", "link", "--role", "owner", "--sub", "ana", "--board", f"{url}/admin/queues")
        login = web.post("/admin/queues/login", data={"link": link})
        assert login.status_code == 303, f"the login answered {login.status_code}"
        cookie = login.headers["set-cookie"].partition(";")[0]
        board = web.get("/admin/queues", headers={"Cookie": cookie}, follow_redirects=True)
        assert board.status_code == 200, f"the board answered {board.status_code}"
        stranger = httpx.get(f"{url}/admin/queues/", timeout=30, headers={"Accept": "text/html"})
        assert "login" in stranger.headers.get("location", ""), f"a stranger was answered {stranger.status_code}"
        # A customer
        token = oxyq("token", "issue", "--role", "service", "--sub", "shop", "--org", "org_1")
        message = {
            "organizationId": "org_1", "instanceId": "wa_1", "from": "5511999999999@c.us", "messageId": "m_1",
            "content": "onde fica a loja?", "timestamp": round(time.time() * 1000),
        }  # fmt: skip
        taken = web.post("/v1/messages", json=message, headers={"Authorization": f"Bearer {token}"})
        assert taken.status_code == 202, f"POST /v1/messages answered {taken.status_code}: {taken.text}"
        log = outside.data / WHATSAPP
        answer = SHOP["faq"][0]["answer"]  # type: ignore[index]  # it is there
        until(lambda: log.exists() and answer in log.read_text(encoding="utf-8"), "the answer")
        until(lambda: web.get("/ready").status_code == 200, "work to get through every queue")
        # What scales workers
        asks = {"Authorization": f"Bearer {environment['OXYQ_METRICS_TOKEN']}"}
        scaling = web.get("/metrics/scaling", headers=asks)
        assert scaling.status_code == 200, f"/metrics/scaling answered {scaling.status_code}"
        assert all(scaling.json()["queues"][queue]["wantedWorkers"] >= 0 for queue in POLICIES)


def until(is_so: Callable[[], bool], what: str, seconds: float = START_SECONDS) -> float:
    """Wait, and return for how many seconds; TimeoutError naming what did not come."""
    began = time.monotonic()
    while not is_so():
        if time.monotonic() - began > seconds:
            raise TimeoutError(f"waited {seconds:g} s for {what}")
        time.sleep(0.05)
    return time.monotonic() - began


@contextlib.contextmanager
def _running(
    service: Service, own: Mapping[str, str], outside: Outside, checkout: Path
) -> Iterator[tuple[Service, "subprocess.Popen[bytes]"]]:
    environment = {**service.environment, **own}
    with _log(service, outside).open("wb") as log:
        process = subprocess.Popen(
            service.command, env=environment, cwd=checkout / service.folder, stdin=subprocess.DEVNULL, stdout=log,
            stderr=log, start_new_session=True, executable=_found(service.command[0], environment["PATH"]),
        )  # fmt: skip
    try:
        yield service, process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _until_well(
    service: Service, process: "subprocess.Popen[bytes]", own: Mapping[str, str], outside: Outside
) -> float:
    port = outside.bridge_port if service.name.endswith("bridge") else outside.api_port

    def answers() -> bool:
        with contextlib.suppress(OSError), urlopen(f"http://127.0.0.1:{port}{service.health}", timeout=5) as answer:
            return bool(answer.status == 200)
        return False

    def command_is_well() -> bool:
        assert isinstance(service.health, tuple)
        found, environment = _found(service.health[0], own["PATH"]), {**service.environment, **own}
        return subprocess.run(service.health, env=environment, executable=found, capture_output=True).returncode == 0

    def is_well() -> bool:
        assert process.poll() is None, f"{service.name} ended with {process.returncode}: {_said(service, outside)}"
        return answers() if isinstance(service.health, str) else command_is_well()

    try:
        return until(is_well, f"{service.name} to be well")
    except TimeoutError as error:
        raise AssertionError(f"{error}: {_said(service, outside)}") from None


def _log(service: Service, outside: Outside) -> Path:
    return outside.data / f"{service.name}.log"


def _said(service: Service, outside: Outside) -> str:
    return _log(service, outside).read_text(encoding="utf-8", errors="replace")[-2000:]


def _found(program: str, path: str) -> str:
    found = shutil.which(program, path=path)
    assert found is not None, f"{program} is not installed: {path}"
    return found
