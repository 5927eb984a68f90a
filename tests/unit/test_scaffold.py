"""The repository's own files keep their promises: missing programs, async tests."""

import asyncio

import pytest

from tests import requirements


def missing(monkeypatch: pytest.MonkeyPatch, ci: str) -> None:
    nowhere = requirements.Requirement(lambda: "nowhere is not installed", "apt-get install nowhere")
    monkeypatch.setitem(requirements.REQUIREMENTS, "nowhere", nowhere)
    monkeypatch.setenv("CI", ci)


def test_missing_program_skips_with_one_line_that_names_the_package(monkeypatch):
    missing(monkeypatch, ci="")

    with pytest.raises(pytest.skip.Exception) as skipped:
        requirements.require("nowhere")

    assert skipped.value.msg == "nowhere is not installed: apt-get install nowhere"


def test_missing_program_fails_on_ci(monkeypatch):
    missing(monkeypatch, ci="true")

    with pytest.raises(pytest.fail.Exception, match="apt-get install nowhere"):
        requirements.require("nowhere")


def test_too_old_program_counts_as_missing(tmp_path, monkeypatch):
    program = tmp_path / "node"
    program.write_text("#!/bin/sh\necho v12.22.9\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")

    assert requirements.REQUIREMENTS["node"].missing() == "node is older than version 18"


@pytest.fixture
async def loop_of_fixture():
    yield asyncio.get_running_loop()


async def test_async_test_and_its_fixtures_share_an_event_loop(loop_of_fixture):
    assert asyncio.get_running_loop() is loop_of_fixture
