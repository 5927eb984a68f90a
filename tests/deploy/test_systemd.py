"""The units are ones that systemd takes, ask for little, and give a process the time that it needs to end."""

import re
import subprocess
from pathlib import Path
from typing import Final

import pytest

from tests.deploy import systemd
from tests.deploy.known_settings import production_settings, unknown
from tests.deploy.service import Outside
from tests.requirements import require

FILES: Final = sorted(systemd.FOLDER.glob("*.service"))
#: Of 100, by `systemd-analyze security`; a unit that says nothing has 96.
MOST_EXPOSED: Final = 20


@pytest.fixture
def here(tmp_path: Path) -> list[str]:
    """The units with a program that this machine has, since Oxyq is not installed in /opt."""
    for file in FILES:
        text = re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", file.read_text(encoding="utf-8"), flags=re.MULTILINE)
        (tmp_path / file.name).write_text(text, encoding="utf-8")
    return [str(tmp_path / file.name) for file in FILES]


def test_systemd_takes_them(here: list[str]) -> None:
    require("systemd-analyze")
    done = subprocess.run(["systemd-analyze", "verify", *here], capture_output=True, text=True)

    assert (done.returncode, done.stderr) == (0, "")


def test_they_may_do_little(here: list[str]) -> None:
    require("systemd-analyze")
    limit = f"--threshold={MOST_EXPOSED}"
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", limit, *here], capture_output=True, text=True
    )

    assert done.returncode == 0, done.stdout[-2000:]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_process_has_its_time_and_comes_again(file: Path) -> None:
    unit = systemd.read(file)

    assert unit["Restart"] == ["always"]
    assert unit["RestartPreventExitStatus"] == ["2"]  # wrong settings
    assert unit["KillSignal"] == ["SIGTERM"]
    assert unit["DynamicUser"] == ["yes"]
    assert unit["EnvironmentFile"] == ["/etc/oxyq/oxyq.env"]
    assert not re.search(r"SECRET|KEY|TOKEN|REDIS_URL", " ".join(unit["Environment"]))


def test_every_process_starts_in_production_with_what_it_is_given(outside: Outside) -> None:
    for service in systemd.services(outside):
        assert not unknown(service.environment), service.name
        if service.name != "oxyq-bridge":
            assert service.stop_seconds > production_settings(service.environment).stop_grace_seconds


def test_the_template_of_the_environment_holds_no_secret_yet() -> None:
    lines = systemd.ENVIRONMENT_FILE.read_text(encoding="utf-8").splitlines()
    filled_in = [line for line in lines if re.fullmatch(r"OXYQ_\w+=.+", line)]

    assert filled_in == []
    assert "REDIS_URL" in systemd.template_names()
